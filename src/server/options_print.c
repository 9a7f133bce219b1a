/* Help, Markdown and man page, all out of the options table. */
#include "server/options.h"

#include <ctype.h>
#include <string.h>

enum { HELP_INDENT = 30, HELP_WIDTH = 100 };

static const char *const SECTION_TITLES[] = {"Command line only", "Command line, or [node] in the file",
                                             "Command line, or [ring] in the file",
                                             "[bucket NAME] in the file; [bucket default] holds for every other key"};

static void name_of(const struct option_spec *option, char *text, size_t room)
{
    size_t at = 0;
    if (option->section == SECTION_BUCKET) {
        snprintf(text, room, "%s = <%s>", option->name, option->argument);
        return;
    }
    if (option->flag != 0)
        at = (size_t)snprintf(text, room, "-%c, ", option->flag);
    at += (size_t)snprintf(text + at, room - at, "--%s", option->name);
    if (option_takes_value(option))
        snprintf(text + at, room - at, "=<%s>", option->argument);
}

/* The help sentence with choices and default. */
static void describe(const struct option_spec *option, char *text, size_t room)
{
    size_t at = (size_t)snprintf(text, room, "%s", option->help);
    if (option->choices != NULL)
        at += (size_t)snprintf(text + at, room - at, " One of %s.", option->choices);
    if (option->fallback != NULL && strcmp(option->fallback, "auto") != 0)
        snprintf(text + at, room - at, " (default: %s)", option->fallback);
}

static void print_wrapped(FILE *out, const char *name, const char *text)
{
    size_t column = (size_t)fprintf(out, "%-*s", HELP_INDENT - 1, name);
    if (column >= HELP_INDENT) {
        fprintf(out, "\n%*s", HELP_INDENT - 1, "");
        column = HELP_INDENT - 1;
    }
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column + 1 + len > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_INDENT - 1, "");
            column = HELP_INDENT - 1;
        }
        fprintf(out, " %.*s", (int)len, text);
        column += len + 1;
        text += len + strspn(text + len, " ");
    }
    fputc('\n', out);
}

void options_print_help(FILE *out, const char *version)
{
    fprintf(out, "ringcached %s\nusage: ringcached [options]\n", version);
    for (int section = SECTION_COMMAND; section <= SECTION_BUCKET; section++) {
        fprintf(out, "\n%s:\n", SECTION_TITLES[section]);
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
            char name[80], text[600];
            if (OPTIONS[i].section != section)
                continue;
            name_of(&OPTIONS[i], name, sizeof(name));
            describe(&OPTIONS[i], text, sizeof(text));
            print_wrapped(out, name, text);
        }
    }
}

/* A vertical bar would end a cell. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '<' || *text == '_' || *text == '*')
            fputc('\\', out);
        fputc(*text, out);
    }
}

void options_print_markdown(FILE *out)
{
    fprintf(out, "# Options\n\nMade by `ringcached --print-options`; the table in the program is the source.\n"
                 "Sizes are bytes or take k, m, g, t (powers of 1024); times are seconds or take ms, s, m, h, d.\n"
                 "In a file a switch is `name = on` or `name = off`; comments begin with `;` or, on a line of their "
                 "own, with `#`.\n");
    for (int section = SECTION_COMMAND; section <= SECTION_BUCKET; section++) {
        fprintf(out, "\n## %s\n\n| option | meaning |\n|---|---|\n", SECTION_TITLES[section]);
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
            char name[80], text[600];
            if (OPTIONS[i].section != section)
                continue;
            name_of(&OPTIONS[i], name, sizeof(name));
            describe(&OPTIONS[i], text, sizeof(text));
            fputs("| `", out);
            for (const char *at = name; *at != '\0'; at++)
                fprintf(out, *at == '|' ? "\\|" : "%c", *at);
            fputs("` | ", out);
            print_cell(out, text);
            fprintf(out, " |\n");
        }
    }
}

/* troff takes a hyphen for a hyphen and a leading dot for a request. */
static void print_troff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void print_man_section(FILE *out, int section)
{
    fprintf(out, ".SS \"%s\"\n", SECTION_TITLES[section]);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        char name[80], text[600];
        if (OPTIONS[i].section != section)
            continue;
        name_of(&OPTIONS[i], name, sizeof(name));
        describe(&OPTIONS[i], text, sizeof(text));
        fputs(".TP\n.B ", out);
        print_troff(out, name);
        fputc('\n', out);
        print_troff(out, text);
        fputc('\n', out);
    }
}

void options_print_man(FILE *out, const char *version)
{
    fprintf(out, ".TH RINGCACHED 1 \"\" \"ringcached %s\" \"User Commands\"\n", version);
    fputs(".SH NAME\nringcached \\- memcached that keeps what you store\n"
          ".SH SYNOPSIS\n.B ringcached\n.RI [ options ]\n"
          ".SH DESCRIPTION\n"
          "A server for every memcached client: text, meta and binary protocol. What is stored is kept in the data\n"
          "directory and is there after a restart, also after a crash. Every object carries a version; in buckets\n"
          "that ask for it, concurrent writes are kept as siblings and given to the client to reconcile.\n"
          ".SH OPTIONS\n",
          out);
    for (int section = SECTION_COMMAND; section <= SECTION_BUCKET; section++)
        print_man_section(out, section);
    fputs(".SH SIGNALS\n.TP\n.B SIGTERM, SIGINT, SIGUSR1\nStop: finish what is under way, checkpoint, close.\n"
          ".TP\n.B SIGHUP\nRead buckets, verbosity and the password file again.\n"
          ".SH FILES\n.TP\n.I DIR/identity\nFormat version and name of the node the directory belongs to.\n"
          ".TP\n.I DIR/membership\nThe ring that the node belongs to.\n"
          ".TP\n.I DIR/lock\nKeeps a second process out.\n"
          ".TP\n.I DIR/data.mdb\nThe objects, as of the last checkpoint.\n"
          ".TP\n.I DIR/log/\nWhat has been written since.\n"
          ".SH ENVIRONMENT\n.TP\n.B STATE_DIRECTORY\nData directory when \\-\\-data is not given.\n"
          ".TP\n.B MEMCACHED_PORT_FILENAME\nFile to write the opened ports to.\n"
          ".TP\n.B RINGCACHED_PORTS_FILENAME\nFile to write the ports for clients, peers and administrators to.\n"
          ".SH SEE ALSO\n.BR memcached (1)\n",
          out);
}
