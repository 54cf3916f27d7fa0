#include "common/conf/domain/device/simple.h"

static const char *const mode_names[] = { NULL, "host", "host-certificates", "passthrough", NULL };

#define S SmartcardDef
static int
smartcard_check(XmlParse *parse, xmlNode *element, void *object)
{
    S *card = object;

    if (card->mode == SMARTCARD_HOST_CERTS && card->certificates.n != 3)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<smartcard> of mode 'host-certificates' needs exactly three <certificate> elements");
    if (card->mode != SMARTCARD_PASSTHROUGH)
        return 0;
    if (!card->source.type)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<smartcard> of mode 'passthrough' needs a 'type'");
    return char_source_check(parse, element, &card->source, false);
}

static const XmlRow smartcard_rows[] = {
    A_ENUM("mode", S, mode, mode_names, "where the card is", .flags = XR_REQUIRED),
    INLINE_AT(S, source, char_type_schema, WHEN(S, mode, SMARTCARD_PASSTHROUGH)),
    STRINGS("certificate", S, certificates, "name of a certificate", WHEN(S, mode, SMARTCARD_HOST_CERTS)),
    E_STR("database", S, database, "NSS database", WHEN(S, mode, SMARTCARD_HOST_CERTS)),
    INLINE_AT(S, source, char_source_schema, WHEN(S, mode, SMARTCARD_PASSTHROUGH)),
    INLINE_AT(S, base.info, device_info_schema),
    ROWS_END,
};
static SCHEMA(smartcard_schema, "smartcard", S, smartcard_rows, "smart card reader", .check = smartcard_check);

const DeviceKindOps smartcard_ops = {
    .kind = DEVICE_SMARTCARD, .element = "smartcard", .schema = &smartcard_schema, .alias_prefix = "smartcard",
    .has_info = true,
};
