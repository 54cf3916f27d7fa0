#include "common/conf/domain/device/seclabel.h"

static const char *const seclabel_type_names[] = { NULL, "dynamic", "static", "none", NULL };

static const XmlRow seclabel_rows[] = {
    A_ENUM("type", Seclabel, type, seclabel_type_names,
           "dynamic: chosen at start; static: given here; none: unconfined"),
    A_STR("model", Seclabel, model, "security driver the label is for"),
    A_YESNO("relabel", Seclabel, relabel, "whether files of the domain get the label"),
    E_LSTR("label", Seclabel, label, "label of the process"),
    E_LSTR("imagelabel", Seclabel, image, "label of its files", .flags = XR_LIVE),
    E_LSTR("baselabel", Seclabel, base, "what a dynamic label is made from"),
    ROWS_END,
};

/* A generated label is state of the run. */
static int
seclabel_check(XmlParse *parse, xmlNode *element, void *object)
{
    Seclabel *label = object;

    if (!label->type)
        label->type = SECLABEL_DYNAMIC;
    if (label->type == SECLABEL_STATIC && !label->label)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR, "a static security label needs a <label>");
    if (label->type == SECLABEL_NONE) {
        if (label->relabel == TRI_YES)
            return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                               "a security label of type 'none' cannot have relabel='yes'");
        label->relabel = TRI_ABSENT;
        return 0;
    }
    if (label->type == SECLABEL_DYNAMIC && label->relabel == TRI_NO)
        return xml_problem(parse, element, parse->domain, ERR_CONFIG_UNSUPPORTED,
                           "a dynamic security label cannot have relabel='no'");
    if (!label->relabel)
        label->relabel = TRI_YES;
    if (label->type == SECLABEL_DYNAMIC && parse->flags & XML_INACTIVE)
        g_clear_pointer(&label->label, g_free);
    return 0;
}

SCHEMA(seclabel_schema, "seclabel", Seclabel, seclabel_rows, "confinement by a security driver",
       .check = seclabel_check);

static int
source_check(XmlParse *parse, xmlNode *element, void *object)
{
    const SourceSeclabel *label = object;

    if (label->relabel == TRI_NO && label->label)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "<label> makes no sense in a <seclabel> with relabel='no'");
    if (label->relabel == TRI_YES && !label->label)
        return xml_problem(parse, element, parse->domain, ERR_XML_ERROR,
                           "model '%s' has relabel='yes' without a <label>",
                           label->model ? label->model : "");
    return 0;
}

static const XmlRow source_rows[] = {
    A_STR("model", SourceSeclabel, model, "security driver the label is for"),
    A_YESNO("labelskip", SourceSeclabel, labelskip, "could not be labelled", .flags = XR_LIVE),
    A_YESNO("relabel", SourceSeclabel, relabel, "whether the file gets a label"),
    E_LSTR("label", SourceSeclabel, label, "label of the file"),
    ROWS_END,
};
SCHEMA(source_seclabel_schema, "sourceSeclabel", SourceSeclabel, source_rows, "label of one source",
       .check = source_check);
