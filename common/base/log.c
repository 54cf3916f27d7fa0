#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"

typedef struct {
    LogLevel level;
    char *match;
} Filter;

typedef enum { OUTPUT_STDERR, OUTPUT_JOURNALD, OUTPUT_SYSLOG, OUTPUT_FILE } OutputKind;

typedef struct {
    LogLevel level;
    OutputKind kind;
    char *argument; /* syslog identifier, file path */
    int fd;         /* of a file */
} Output;

static const char *const output_names[] = {
    [OUTPUT_STDERR] = "stderr",
    [OUTPUT_JOURNALD] = "journald",
    [OUTPUT_SYSLOG] = "syslog",
    [OUTPUT_FILE] = "file",
};

static struct {
    char *ident;
    LogLevel level;
    LogLevel lowest; /* of level and all filters: what is below is dropped at once */
    GArray *filters; /* of Filter */
    GArray *outputs; /* of Output */
    char *default_file;
} logger = { .level = LOG_LEVEL_WARNING, .lowest = LOG_LEVEL_WARNING };

static const int syslog_priorities[] = {
    [LOG_LEVEL_DEBUG] = LOG_DEBUG,
    [LOG_LEVEL_INFO] = LOG_INFO,
    [LOG_LEVEL_WARNING] = LOG_WARNING,
    [LOG_LEVEL_ERROR] = LOG_ERR,
};
static const char *const level_names[] = { "", "debug", "info", "warning", "error" };

static void
filter_clear(void *data)
{
    g_free(((Filter *)data)->match);
}

static void
output_clear(void *data)
{
    Output *output = data;

    g_free(output->argument);
    fd_close(&output->fd);
}

static GArray *
filters_new(void)
{
    GArray *array = g_array_new(FALSE, TRUE, sizeof(Filter));

    g_array_set_clear_func(array, filter_clear);
    return array;
}

static GArray *
outputs_new(void)
{
    GArray *array = g_array_new(FALSE, TRUE, sizeof(Output));

    g_array_set_clear_func(array, output_clear);
    return array;
}

void
log_init(const char *ident)
{
    Output output = { .level = LOG_LEVEL_DEBUG, .kind = OUTPUT_STDERR, .fd = -1 };

    log_done();
    logger.ident = g_strdup(ident);
    logger.filters = filters_new();
    logger.outputs = outputs_new();
    g_array_append_val(logger.outputs, output);
}

void
log_done(void)
{
    g_clear_pointer(&logger.ident, g_free);
    g_clear_pointer(&logger.default_file, g_free);
    g_clear_pointer(&logger.filters, g_array_unref);
    g_clear_pointer(&logger.outputs, g_array_unref);
}

static void
log_find_lowest(void)
{
    logger.lowest = logger.level;
    for (guint i = 0; logger.filters && i < logger.filters->len; i++)
        logger.lowest = MIN(logger.lowest, g_array_index(logger.filters, Filter, i).level);
}

static bool
level_valid(long level)
{
    return level >= LOG_LEVEL_DEBUG && level <= LOG_LEVEL_ERROR;
}

int
log_set_level(LogLevel level, Error *err)
{
    if (!level_valid(level))
        return error_setf(err, FROM_NONE, ERR_INVALID_ARG,
                          "log level %d is not one of 1 (debug), 2 (info), 3 (warning), 4 (error)", (int)level);
    logger.level = level;
    log_find_lowest();
    return 0;
}

/* "N:" at the start of item; returns what follows, NULL when wrong. */
static const char *
parse_level(const char *item, LogLevel *ret)
{
    if (!g_ascii_isdigit(item[0]) || item[1] != ':' || !level_valid(item[0] - '0'))
        return NULL;
    *ret = (LogLevel)(item[0] - '0');
    return item + 2;
}

int
log_set_filters(const char *text, Error *err)
{
    g_autoptr(GArray) filters = filters_new();
    g_auto(GStrv) items = g_strsplit_set(text ? text : "", " \t", -1);

    for (char **item = items; *item; item++) {
        Filter filter = { 0 };
        const char *match;

        if (!**item)
            continue;
        match = parse_level(*item, &filter.level);
        if (match && *match == '+') /* stack traces of old versions: accepted, no effect */
            match++;
        if (!match || !*match)
            return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX,
                              "log filter '%s' is not of the form LEVEL:MATCH with a level from 1 to 4", *item);
        filter.match = g_strdup(match);
        g_array_append_val(filters, filter);
    }
    g_array_unref(logger.filters);
    logger.filters = g_steal_pointer(&filters);
    log_find_lowest();
    return 0;
}

static int
output_open(Output *output, Error *err)
{
    if (output->kind != OUTPUT_FILE)
        return 0;
    output->fd = open(output->argument, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (output->fd < 0)
        return error_set_errno(err, FROM_CONF, errno, "cannot open log file '%s'", output->argument);
    return 0;
}

static int
output_parse(const char *item, Output *ret, Error *err)
{
    const char *rest = parse_level(item, &ret->level);

    for (guint i = 0; rest && i < G_N_ELEMENTS(output_names); i++) {
        size_t n = strlen(output_names[i]);
        bool wants = i == OUTPUT_SYSLOG || i == OUTPUT_FILE;

        if (strncmp(rest, output_names[i], n) != 0 || rest[n] != (wants ? ':' : '\0'))
            continue;
        if (wants && (!rest[n + 1] || (i == OUTPUT_FILE && rest[n + 1] != '/')))
            break;
        ret->kind = (OutputKind)i;
        ret->argument = wants ? g_strdup(rest + n + 1) : NULL;
        return output_open(ret, err);
    }
    return error_setf(err, FROM_CONF, ERR_CONF_SYNTAX,
                      "log output '%s' is not LEVEL:stderr, LEVEL:journald, LEVEL:syslog:NAME or LEVEL:file:/PATH", item);
}

int
log_set_outputs(const char *text, Error *err)
{
    g_autoptr(GArray) outputs = outputs_new();
    g_auto(GStrv) items = g_strsplit_set(text ? text : "", " \t", -1);

    for (char **item = items; *item; item++) {
        Output output = { .fd = -1 };

        if (!**item)
            continue;
        if (output_parse(*item, &output, err) < 0) {
            output_clear(&output);
            return -1;
        }
        g_array_append_val(outputs, output);
    }
    if (outputs->len == 0) {
        log_set_default_outputs(logger.default_file);
        return 0;
    }
    g_array_unref(logger.outputs);
    logger.outputs = g_steal_pointer(&outputs);
    return 0;
}

void
log_set_default_outputs(const char *file)
{
    Output output = { .level = logger.level, .kind = OUTPUT_STDERR, .fd = -1 };
    char *copy = g_strdup(file);

    g_free(logger.default_file); /* which file may be: it is not used any more */
    logger.default_file = copy;
    if (!isatty(STDERR_FILENO) && access("/run/systemd/journal/socket", W_OK) == 0) {
        output.kind = OUTPUT_JOURNALD;
    } else if (!isatty(STDERR_FILENO) && copy) {
        output.kind = OUTPUT_FILE;
        output.argument = g_strdup(copy);
        if (output_open(&output, NULL) < 0) {
            g_clear_pointer(&output.argument, g_free);
            output.kind = OUTPUT_STDERR;
        }
    }
    output.level = LOG_LEVEL_DEBUG;
    g_array_set_size(logger.outputs, 0);
    g_array_append_val(logger.outputs, output);
}

void
log_reopen(void)
{
    for (guint i = 0; logger.outputs && i < logger.outputs->len; i++) {
        Output *output = &g_array_index(logger.outputs, Output, i);

        if (output->kind != OUTPUT_FILE)
            continue;
        fd_close(&output->fd);
        output_open(output, NULL);
    }
}

char *
log_get_filters(void)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < logger.filters->len; i++) {
        Filter *f = &g_array_index(logger.filters, Filter, i);

        g_string_append_printf(text, "%s%d:%s", i ? " " : "", (int)f->level, f->match);
    }
    return g_string_free(text, FALSE);
}

char *
log_get_outputs(void)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < logger.outputs->len; i++) {
        Output *o = &g_array_index(logger.outputs, Output, i);

        g_string_append_printf(text, "%s%d:%s%s%s", i ? " " : "", (int)o->level, output_names[o->kind],
                               o->argument ? ":" : "", o->argument ? o->argument : "");
    }
    return g_string_free(text, FALSE);
}

bool
log_enabled(LogLevel level, const char *source)
{
    LogLevel limit = logger.level;
    size_t longest = 0;

    if (level < logger.lowest)
        return false;
    for (guint i = 0; logger.filters && i < logger.filters->len; i++) {
        Filter *f = &g_array_index(logger.filters, Filter, i);
        size_t n = strlen(f->match);

        if (n > longest && strstr(source, f->match)) {
            longest = n;
            limit = f->level;
        }
    }
    return level >= limit;
}

static void
output_text(int fd, LogLevel level, const char *source, const char *message)
{
    struct timespec ts;
    struct tm tm;
    char head[128];
    struct iovec iov[3];
    int n;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    n = (int)strftime(head, sizeof(head), "%Y-%m-%d %H:%M:%S", &tm);
    n += snprintf(head + n, sizeof(head) - (size_t)n, ".%03ld+0000: %d: %s : %s: ", ts.tv_nsec / 1000000, (int)getpid(),
                  level_names[level], source);
    iov[0] = (struct iovec){ .iov_base = head, .iov_len = MIN((size_t)n, sizeof(head) - 1) };
    iov[1] = (struct iovec){ .iov_base = (char *)message, .iov_len = strlen(message) };
    iov[2] = (struct iovec){ .iov_base = (char *)"\n", .iov_len = 1 };
    if (writev(fd, iov, 3) < 0)
        return; /* nowhere to say it */
}

static void
output_message(Output *output, LogLevel level, const char *source, const char *func, const char *message)
{
    switch (output->kind) {
    case OUTPUT_STDERR:
        output_text(STDERR_FILENO, level, source, message);
        break;
    case OUTPUT_FILE:
        if (output->fd >= 0)
            output_text(output->fd, level, source, message);
        break;
    case OUTPUT_SYSLOG:
        openlog(output->argument, LOG_PID, LOG_DAEMON);
        syslog(syslog_priorities[level], "%s: %s", source, message);
        break;
    case OUTPUT_JOURNALD:
        sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", syslog_priorities[level], "LIBVIRT_SOURCE=%s", source,
                        "CODE_FUNC=%s", func, "SYSLOG_IDENTIFIER=%s", logger.ident, NULL);
        break;
    }
}

void
log_printf(LogLevel level, const char *source, const char *func, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    if (!logger.outputs)
        return;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    for (guint i = 0; i < logger.outputs->len; i++) {
        Output *output = &g_array_index(logger.outputs, Output, i);

        if (level >= output->level)
            output_message(output, level, source, func, message);
    }
}
