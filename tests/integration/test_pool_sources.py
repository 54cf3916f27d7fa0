"""Finding where pools could be (find-storage-pool-sources): which types can, and what is no place to look at. What is found on real
servers and volume groups is in tests/vm."""
import pytest

from storagelab import write


@pytest.mark.parametrize('kind, spec, said', [
    ('dir', None, "pool type 'dir' does not support source discovery"),
    ('disk', None, "pool type 'disk' does not support source discovery"),
    ('nonsense', None, 'unknown storage pool type nonsense'),
    ('netfs', None, 'hostname must be specified for netfs sources'),
    ('netfs', '<source/>', 'hostname must be specified for netfs sources'),
    ('netfs', "<source><host name='--all'/></source>", "begins with '-', which tools take for an option"),
    ('iscsi', None, 'hostname must be specified for iscsi sources'),
    ('iscsi', "<source><host name='-p'/></source>", "begins with '-', which tools take for an option"),
    ('iscsi', '<source', 'storage source specification'),
])
def test_places_that_are_none(host, kind, spec, said):
    words = [kind] + ([write(host, 'spec.xml', spec)] if spec else [])
    done = host.virsh('find-storage-pool-sources', *words, check=False)
    assert done.returncode != 0 and said in done.stderr


def test_a_server_that_is_not_there(host):
    """Nobody exports anything at this address: told by whoever was asked, or which package has him."""
    spec = write(host, 'spec.xml', "<source><host name='127.0.0.1'/></source>")
    done = host.virsh('find-storage-pool-sources', 'netfs', spec, check=False)
    assert "cannot ask host '127.0.0.1' for its exports" in done.stderr
    assert "'showmount' failed" in done.stderr or "Debian has it in the package 'nfs-common'" in done.stderr
