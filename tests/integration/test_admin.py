"""virt-admin, the stock one: who is connected, with what limits, and what is logged."""
import re


def admin(host, *arguments, check=True):
    done = host.run('virt-admin', '-c', 'virtqemud:///system', *arguments, check=check)
    return done.stdout if check else done


def test_servers(host):
    assert 'virtqemud' in admin(host, 'server-list')


def test_clients_are_listed_with_their_identity(host):
    watcher = host.spawn('virsh', '-c', host.uri, 'event', '--all', '--loop')
    try:
        from harness import wait_until
        table = wait_until(lambda: (t := admin(host, 'client-list', 'virtqemud')) and re.search(r'^ *\d+ +unix', t, re.M) and t,
                           'the client is listed')
        client = re.search(r'^ *(\d+) +unix', table, re.M).group(1)
        info = admin(host, 'client-info', 'virtqemud', client)
        assert re.search(r'unix_user_id *: *0', info) and re.search(r'readonly *: *no', info)
        admin(host, 'client-disconnect', 'virtqemud', client)
        wait_until(lambda: watcher.process.poll() is not None or client not in admin(host, 'client-list', 'virtqemud'),
                   'the client is disconnected')
    finally:
        watcher.end()


def test_limits_can_be_changed(host):
    before = admin(host, 'server-clients-info', 'virtqemud')
    assert re.search(r'nclients_max *: *\d+', before)
    admin(host, 'server-clients-set', 'virtqemud', '--max-clients', '77')
    assert re.search(r'nclients_max *: *77', admin(host, 'server-clients-info', 'virtqemud'))


def test_threadpool_answers(host):
    assert 'maxWorkers' in admin(host, 'server-threadpool-info', 'virtqemud')


def test_logging_can_be_changed(host):
    admin(host, 'daemon-log-filters', '--filters', '1:qemu 3:rpc')
    assert '1:qemu' in admin(host, 'daemon-log-filters')
    assert admin(host, 'daemon-log-outputs').strip()
