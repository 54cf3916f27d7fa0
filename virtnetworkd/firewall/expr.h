/*
 * Rules, put together from left to right: each function appends a match or ends with a verdict. rule_add() turns the result
 * into the message that creates it.
 */
#pragma once

#include <stdio.h> /* the next one wants it */

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include "virtnetworkd/firewall/internal.h"

enum { MATCH_IS, MATCH_IS_NOT };

struct nftnl_rule *rule_begin(unsigned family, const char *chain);
void rule_interface(struct nftnl_rule *rule, bool out, int is, const char *name);
void rule_source(struct nftnl_rule *rule, int is, const IpAddress *network, unsigned prefix);
void rule_destination(struct nftnl_rule *rule, int is, const IpAddress *network, unsigned prefix);
void rule_protocol(struct nftnl_rule *rule, uint8_t protocol);
void rule_port(struct nftnl_rule *rule, uint16_t destination);
void rule_replies(struct nftnl_rule *rule); /* established and related connections */
void rule_verdict(struct nftnl_rule *rule, int verdict); /* NF_ACCEPT, NF_DROP, NFT_RETURN */
void rule_reject(struct nftnl_rule *rule, unsigned family); /* port unreachable */
/* ports: with 0 as they are. first absent: the outgoing interface's address. */
void rule_translate(struct nftnl_rule *rule, unsigned family, const IpAddress *first, const IpAddress *last, uint16_t port_first,
                    uint16_t port_last);
void rule_look_up(struct nftnl_rule *rule, bool out, const char *map);

/* Ends the rule: it goes to the array with its fingerprint and the comment (NULL none). Takes rule. */
void rule_add(GArray *rules, struct nftnl_rule *rule, unsigned features, const char *comment);
/* The fingerprint in a rule's user data, 0 when there is none. */
uint64_t rule_fingerprint(const struct nftnl_rule *rule);
