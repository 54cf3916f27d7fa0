/*
 * Changing one part of a definition: a row per section says what its element is and how it is changed. The change is made on
 * a copy, which then has to obey all rules.
 */
#include "common/conf/network/update.h"

#include <string.h>

#include "common/conf/network/elements.h"
#include "common/xml/document.h"

typedef enum Command { COMMAND_MODIFY = 1, COMMAND_DELETE, COMMAND_ADD_LAST, COMMAND_ADD_FIRST } Command;

typedef struct Section Section;
typedef struct Change {
    const Section *section;
    Command command;
    int parent;
    NetworkDef *def; /* the copy */
    void *item;      /* as read; NULL once it has its place in def */
} Change;

struct Section {
    const char *name;
    const char *element;
    const XmlSchema *schema; /* NULL: can't be changed */
    bool partial_delete;     /* what to delete may be named by some of its fields */
    bool no_modify;
    int (*apply)(Change *change, Error *err);
};

#define REFUSE_INVALID(...) definition_refuse(err, FROM_NETWORK, ERR_OPERATION_INVALID, __VA_ARGS__)
#define REFUSE_NO_SUPPORT(...) definition_refuse(err, FROM_NETWORK, ERR_NO_SUPPORT, __VA_ARGS__)

static bool
is_add(const Change *change)
{
    return change->command == COMMAND_ADD_LAST || change->command == COMMAND_ADD_FIRST;
}

/* What was read, as text for messages. */
static char *
item_text(const Change *change)
{
    char *text = xml_to_text(change->section->element, change->section->schema, change->item, XML_INACTIVE);

    return g_strdelimit(g_strchomp(text), "\n", ' ');
}

/* -- lists -- */

/* Of the items of list, how many match, and which is the last of them. */
typedef bool (*Matches)(const void *there, const void *wanted);

static size_t
count_matches(const AnyList *list, const void *wanted, Matches matches, size_t *ret_at)
{
    size_t count = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (!matches(list->items[i], wanted))
            continue;
        count++;
        *ret_at = i;
    }
    return count;
}

/*
 * The change in a list. conflicts: what keeps an item from being added (NULL: nothing); meant: which one to modify or
 * delete. noun names the item in messages.
 */
static int
change_list(Change *change, AnyList *list, const char *noun, Matches conflicts, Matches meant, Error *err)
{
    const char *network = change->def->name;
    size_t at = 0, count = count_matches(list, change->item, is_add(change) ? conflicts : meant, &at);
    g_autofree char *text = item_text(change);

    if (is_add(change)) {
        if (count)
            return REFUSE_INVALID("there is an existing %s in network '%s' that matches \"%s\"", noun, network, text);
        if (list->n >= XML_MAX_ITEMS)
            return REFUSE_INVALID("network '%s' has %d of %s already, there can't be more", network, XML_MAX_ITEMS, noun);
        list_insert(list, change->command == COMMAND_ADD_FIRST ? 0 : list->n, g_steal_pointer(&change->item));
        return 0;
    }
    if (!count)
        return REFUSE_INVALID("couldn't find a %s in network '%s' that matches \"%s\"", noun, network, text);
    if (count > 1)
        return REFUSE_INVALID("%zu of %s in network '%s' match \"%s\"; say more", count, noun, network, text);
    xml_free(change->section->schema, list_take(list, at));
    if (change->command == COMMAND_MODIFY)
        list_insert(list, at, g_steal_pointer(&change->item));
    return 0;
}

#define LIST_OF(field) ((AnyList *)(void *)&(field))

/* -- <ip>: DHCP -- */

static bool
has_address_of(const NetworkIp *ip, const IpAddress *address)
{
    return ip_is_set(address) && ip_in_network(address, &ip->address, network_ip_prefix(ip));
}

/* The <ip> meant: by its index; or the one that holds the address; or the one with DHCP; or the first, IPv4 before IPv6. */
static int
find_ip(Change *change, const IpAddress *address, NetworkIp **ret_ip, Error *err)
{
    NetworkDef *def = change->def;
    NetworkIp *best = NULL;
    int best_rank = -1;

    if (change->parent >= 0 && (size_t)change->parent < def->ips.n)
        best = def->ips.items[change->parent];
    if (change->parent >= 0 && !best)
        return REFUSE_INVALID("network '%s' has no <ip> with the index %d to change the %s of", def->name, change->parent,
                              change->section->name);
    for (size_t i = 0; i < def->ips.n && change->parent < 0; i++) {
        NetworkIp *ip = def->ips.items[i];
        int rank = has_address_of(ip, address) * 4 + ip->dhcp * 2 + (ip->address.family == AF_INET);

        if (rank > best_rank) {
            best = ip;
            best_rank = rank;
        }
    }
    if (!best)
        return REFUSE_INVALID("network '%s' has no <ip> to change the %s of", def->name, change->section->name);
    *ret_ip = best;
    return 0;
}

/* DHCP is for one address of each family. */
static int
check_only_dhcp(const Change *change, const NetworkIp *ip, Error *err)
{
    if (!is_add(change))
        return 0;
    LIST_FOREACH(NetworkIp, other, &change->def->ips)
        if (other != ip && other->dhcp && other->address.family == ip->address.family)
            return REFUSE_INVALID("another <ip> of network '%s' has <dhcp>; it is supported for one address of each family",
                                  change->def->name);
    return 0;
}

static bool
same_mac(const char *a, const char *b)
{
    Mac one, other;

    return a && b && mac_parse(a, &one) && mac_parse(b, &other) && memcmp(one.b, other.b, sizeof(one.b)) == 0;
}

static bool
same_text(const char *a, const char *b)
{
    return a && b && g_ascii_strcasecmp(a, b) == 0;
}

static bool
dhcp_host_conflicts(const void *there, const void *wanted)
{
    const DhcpHost *a = there, *b = wanted;

    return same_mac(a->mac, b->mac) || same_text(a->id, b->id) || same_text(a->name, b->name) || ip_equal(&a->ip, &b->ip);
}

/* Modified is the host that is known by the same. */
static bool
dhcp_host_is(const void *there, const void *wanted)
{
    const DhcpHost *a = there, *b = wanted;

    return same_mac(a->mac, b->mac) || same_text(a->id, b->id) || same_text(a->name, b->name);
}

/* Deleted is the host of which all is true that was said. */
static bool
dhcp_host_is_all(const void *there, const void *wanted)
{
    const DhcpHost *a = there, *b = wanted;

    return (!b->mac || same_mac(a->mac, b->mac)) && (!b->id || same_text(a->id, b->id)) &&
           (!b->name || same_text(a->name, b->name)) && (!ip_is_set(&b->ip) || ip_equal(&a->ip, &b->ip));
}

static void
note_dhcp(NetworkIp *ip)
{
    ip->dhcp = ip->ranges.n || ip->hosts.n || ip->bootp_file;
}

static int
change_dhcp_host(Change *change, Error *err)
{
    const DhcpHost *host = change->item;
    NetworkIp *ip;

    if (find_ip(change, &host->ip, &ip, err) < 0 || check_only_dhcp(change, ip, err) < 0 ||
        change_list(change, LIST_OF(ip->hosts), "dhcp host entry", dhcp_host_conflicts,
                    change->command == COMMAND_MODIFY ? dhcp_host_is : dhcp_host_is_all, err) < 0)
        return -1;
    note_dhcp(ip);
    return 0;
}

static bool
same_range(const void *there, const void *wanted)
{
    const DhcpRange *a = there, *b = wanted;

    return ip_equal(&a->start, &b->start) && ip_equal(&a->end, &b->end);
}

static int
change_dhcp_range(Change *change, Error *err)
{
    const DhcpRange *range = change->item;
    NetworkIp *ip;

    if (find_ip(change, &range->start, &ip, err) < 0 || check_only_dhcp(change, ip, err) < 0 ||
        change_list(change, LIST_OF(ip->ranges), "dhcp range entry", same_range, same_range, err) < 0)
        return -1;
    note_dhcp(ip);
    return 0;
}

/* -- <forward>, <portgroup> -- */

static bool
same_interface(const void *there, const void *wanted)
{
    const ForwardInterface *a = there, *b = wanted;

    return g_strcmp0(a->dev, b->dev) == 0;
}

static int
change_interface(Change *change, Error *err)
{
    ForwardDef *forward = &change->def->forward;
    const ForwardInterface *interface = change->item;

    LIST_FOREACH(ForwardInterface, there, &forward->interfaces)
        if (change->command == COMMAND_DELETE && same_interface(there, interface) && there->connections.v > 0)
            return REFUSE_INVALID("interface '%s' of network '%s' is used by %u guests; detach them first", there->dev,
                                  change->def->name, there->connections.v);
    if (change_list(change, LIST_OF(forward->interfaces), "interface entry", same_interface, same_interface, err) < 0)
        return -1;
    g_clear_pointer(&forward->dev, g_free); /* follows from the first one */
    return 0;
}

static bool
same_portgroup(const void *there, const void *wanted)
{
    const PortGroup *a = there, *b = wanted;

    return strcmp(a->name, b->name) == 0;
}

static int
change_portgroup(Change *change, Error *err)
{
    const PortGroup *group = change->item, *by_default = network_def_portgroup(change->def, NULL);

    if (change->command != COMMAND_DELETE && group->is_default == TRI_YES && by_default && !same_portgroup(by_default, group))
        return REFUSE_INVALID("portgroup '%s' of network '%s' is the default already, only one can be", by_default->name,
                              change->def->name);
    return change_list(change, LIST_OF(change->def->portgroups), "portgroup entry", same_portgroup, same_portgroup, err);
}

/* -- <dns> -- */

static bool
has_name(const DnsHost *host, const char *wanted)
{
    LIST_FOREACH(char, name, &host->names)
        if (same_text(name, wanted))
            return true;
    return false;
}

static bool
same_dns_address(const void *there, const void *wanted)
{
    const DnsHost *a = there, *b = wanted;

    return ip_equal(&a->ip, &b->ip);
}

static bool
dns_host_is_all(const void *there, const void *wanted)
{
    const DnsHost *a = there, *b = wanted;

    LIST_FOREACH(char, name, &b->names)
        if (!has_name(a, name))
            return false;
    return !ip_is_set(&b->ip) || ip_equal(&a->ip, &b->ip);
}

static int
change_dns_host(Change *change, Error *err)
{
    return change_list(change, LIST_OF(change->def->dns.hosts), "DNS HOST record", same_dns_address,
                       change->command == COMMAND_MODIFY ? same_dns_address : dns_host_is_all, err);
}

static bool
same_txt(const void *there, const void *wanted)
{
    const DnsTxt *a = there, *b = wanted;

    return same_text(a->name, b->name);
}

/* A name can have several texts when so defined; then the text tells which. */
static bool
txt_is_all(const void *there, const void *wanted)
{
    const DnsTxt *a = there, *b = wanted;

    return same_txt(a, b) && (!b->value || strcmp(a->value, b->value) == 0);
}

static int
change_dns_txt(Change *change, Error *err)
{
    return change_list(change, LIST_OF(change->def->dns.txts), "DNS TXT record", same_txt,
                       change->command == COMMAND_MODIFY ? same_txt : txt_is_all, err);
}

static bool
same_number(OptUint there, OptUint wanted)
{
    return !wanted.set || (there.set && there.v == wanted.v);
}

static bool
srv_is_all(const void *there, const void *wanted)
{
    const DnsSrv *a = there, *b = wanted;

    return (!b->service || same_text(a->service, b->service)) && (!b->protocol || same_text(a->protocol, b->protocol)) &&
           (!b->domain || same_text(a->domain, b->domain)) && (!b->target || same_text(a->target, b->target)) &&
           same_number(a->port, b->port) && same_number(a->priority, b->priority) && same_number(a->weight, b->weight);
}

static int
change_dns_srv(Change *change, Error *err)
{
    return change_list(change, LIST_OF(change->def->dns.srvs), "DNS SRV record", srv_is_all, srv_is_all, err);
}

/* -- any -- */

/* In the order of virNetworkUpdateSection. */
static const Section sections[] = {
    { 0 },
    { .name = "bridge" },
    { .name = "domain" },
    { .name = "ip" },
    { .name = "ip-dhcp-host", .element = "host", .schema = &dhcp_host_schema, .partial_delete = true, .apply = change_dhcp_host },
    { .name = "ip-dhcp-range", .element = "range", .schema = &dhcp_range_schema, .no_modify = true, .apply = change_dhcp_range },
    { .name = "forward" },
    { .name = "forward-interface", .element = "interface", .schema = &forward_interface_schema, .no_modify = true,
      .apply = change_interface },
    { .name = "forward-pf" },
    { .name = "portgroup", .element = "portgroup", .schema = &portgroup_schema, .apply = change_portgroup },
    { .name = "dns-host", .element = "host", .schema = &dns_host_schema, .partial_delete = true, .apply = change_dns_host },
    { .name = "dns-txt", .element = "txt", .schema = &dns_txt_schema, .partial_delete = true, .apply = change_dns_txt },
    { .name = "dns-srv", .element = "srv", .schema = &dns_srv_schema, .partial_delete = true, .no_modify = true,
      .apply = change_dns_srv },
};

static int
check_request(const NetworkDef *def, unsigned command, unsigned section, Error *err)
{
    if (section >= G_N_ELEMENTS(sections) || !sections[section].name)
        return REFUSE_NO_SUPPORT("section %u of network '%s' is not known", section, def->name);
    if (!sections[section].schema)
        return REFUSE_NO_SUPPORT("can't update '%s' section of network '%s'; define it anew", sections[section].name, def->name);
    if (command < COMMAND_MODIFY || command > COMMAND_ADD_FIRST)
        return REFUSE_NO_SUPPORT("unrecognized network update command %u", command);
    if (command == COMMAND_MODIFY && sections[section].no_modify)
        return REFUSE_NO_SUPPORT("'%s' of network '%s' cannot be modified, only added or deleted", sections[section].name, def->name);
    return 0;
}

static int
read_item(const char *xml, Change *change, Error *err)
{
    const Section *section = change->section;
    bool partial = section->partial_delete && change->command == COMMAND_DELETE;
    XmlParse parse = { .flags = XML_INACTIVE, .domain = FROM_NETWORK, .missing = FROM_NETWORK, .user = partial ? NETWORK_PARTIAL : NULL };
    _cleanup_doc_ xmlDoc *doc = NULL;
    xmlNode *root;
    int result;

    if (xml_document_load(xml, "change of a network", FROM_NETWORK, &doc, err) < 0)
        return -1;
    root = xmlDocGetRootElement(doc);
    if (!xml_is(root, section->element, NULL))
        return REFUSE_XML("unexpected element <%s>, expecting <%s>, while updating network '%s'", (const char *)root->name,
                          section->element, change->def->name);
    change->item = xml_read_new(&parse, root, section->schema);
    result = xml_parse_result(&parse, err);
    xml_parse_done(&parse);
    return result;
}

int
network_def_update(const NetworkDef *def, unsigned command, unsigned section, int parent, const char *xml,
                   NetworkDef **ret_def, Error *err)
{
    g_autoptr(NetworkDef) copy = NULL;
    Change change;
    int result;

    if (check_request(def, command, section, err) < 0)
        return -1;
    copy = network_def_copy(def);
    change = (Change){ .section = &sections[section], .command = command, .parent = parent, .def = copy };
    result = read_item(xml, &change, err);
    if (result == 0)
        result = change.section->apply(&change, err);
    xml_free(change.section->schema, change.item);
    if (result < 0 || network_def_complete(copy, err) < 0 || network_def_validate(copy, err) < 0)
        return -1;
    *ret_def = g_steal_pointer(&copy);
    return 0;
}
