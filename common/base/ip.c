#include "common/base/ip.h"

#include <arpa/inet.h>
#include <string.h>

bool
ip_parse(const char *text, IpAddress *ret)
{
    IpAddress ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

    if (inet_pton(ip.family, text, ip.b) != 1)
        return false;
    *ret = ip;
    return true;
}

const char *
ip_to_text(const IpAddress *ip, char text[IP_TEXT_SIZE])
{
    if (!ip_is_set(ip) || !inet_ntop(ip->family, ip->b, text, IP_TEXT_SIZE))
        text[0] = '\0';
    return text;
}

int
ip_compare(const IpAddress *a, const IpAddress *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, sizeof(a->b));
}

bool
ip_equal(const IpAddress *a, const IpAddress *b)
{
    return ip_compare(a, b) == 0;
}

IpAddress
ip_mask(sa_family_t family, unsigned prefix)
{
    IpAddress mask = { .family = family };

    for (unsigned i = 0; i < ip_size(&mask) && prefix > 0; i++) {
        unsigned bits = prefix < 8 ? prefix : 8;

        mask.b[i] = (uint8_t)(0xff << (8 - bits));
        prefix -= bits;
    }
    return mask;
}

int
ip_mask_prefix(const IpAddress *mask)
{
    unsigned prefix = 0;
    IpAddress whole;

    while (prefix < ip_bits(mask) && mask->b[prefix / 8] & (0x80 >> prefix % 8))
        prefix++;
    whole = ip_mask(mask->family, prefix);
    return ip_equal(&whole, mask) ? (int)prefix : -1;
}

IpAddress
ip_network(const IpAddress *ip, unsigned prefix)
{
    IpAddress result = *ip, mask = ip_mask(ip->family, prefix);

    for (size_t i = 0; i < ip_size(ip); i++)
        result.b[i] &= mask.b[i];
    return result;
}

IpAddress
ip_broadcast(const IpAddress *ip, unsigned prefix)
{
    IpAddress result = *ip, mask = ip_mask(ip->family, prefix);

    for (size_t i = 0; i < ip_size(ip); i++)
        result.b[i] |= (uint8_t)~mask.b[i];
    return result;
}

bool
ip_in_network(const IpAddress *ip, const IpAddress *network, unsigned prefix)
{
    return ip_networks_overlap(ip, ip_bits(ip), network, prefix);
}

bool
ip_networks_overlap(const IpAddress *a, unsigned prefix_a, const IpAddress *b, unsigned prefix_b)
{
    unsigned shorter = prefix_a < prefix_b ? prefix_a : prefix_b;
    IpAddress network_a = ip_network(a, shorter), network_b = ip_network(b, shorter);

    return a->family == b->family && ip_equal(&network_a, &network_b);
}

uint64_t
ip_range_size(const IpAddress *first, const IpAddress *last)
{
    uint64_t high = 0, low = 0;
    unsigned borrow = 0;
    size_t size = ip_size(first);

    if (first->family != last->family || ip_compare(first, last) > 0)
        return 0;
    for (size_t i = size; i-- > 0;) {
        unsigned difference = 0x100u + last->b[i] - first->b[i] - borrow;
        uint64_t byte = difference & 0xff;

        borrow = difference < 0x100;
        if (size - 1 - i < 8)
            low |= byte << (8 * (size - 1 - i));
        else
            high |= byte;
    }
    return high || low == UINT64_MAX ? UINT64_MAX : low + 1;
}

static bool
in(const IpAddress *ip, const char *network, unsigned prefix)
{
    IpAddress other;

    return ip_parse(network, &other) && ip_in_network(ip, &other, prefix);
}

bool
ip_is_loopback(const IpAddress *ip)
{
    return in(ip, "127.0.0.0", 8) || in(ip, "::1", 128);
}

bool
ip_is_multicast(const IpAddress *ip)
{
    return in(ip, "224.0.0.0", 4) || in(ip, "ff00::", 8);
}

bool
ip_is_wildcard(const IpAddress *ip)
{
    return in(ip, "0.0.0.0", 32) || in(ip, "::", 128);
}

bool
ip_is_private(const IpAddress *ip)
{
    return in(ip, "10.0.0.0", 8) || in(ip, "172.16.0.0", 12) || in(ip, "192.168.0.0", 16) || in(ip, "fc00::", 7);
}

unsigned
ip_default_prefix(const IpAddress *ip)
{
    if (ip->family == AF_INET6)
        return 64;
    if (in(ip, "0.0.0.0", 1))
        return 8;
    return in(ip, "128.0.0.0", 2) ? 16 : 24;
}
