/* Help, Markdown and man page, all out of the options table. */
#include "server/options.h"

#include <ctype.h>
#include <string.h>

enum { HELP_INDENT = 30, HELP_WIDTH = 100 };

static const char *const SECTION_TITLES[] = {"Command line only", "Command line, or [node] in the file",
                                             "Command line, or [ring] in the file",
                                             "[bucket NAME] in the file; [bucket default] holds for every other key"};

/* How an option is printed, and the title above those of a section. */
struct printer {
    void (*title)(FILE *out, const char *title);
    void (*option)(FILE *out, const char *name, const char *text);
};

/* With its argument. */
static void name_of(const struct option_spec *option, char *text, size_t room)
{
    if (option->section == SECTION_BUCKET) {
        snprintf(text, room, "%s = <%s>", option->name, option->argument);
        return;
    }
    option_name(option, text, room);
    size_t at = strlen(text);
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

static void print_options(FILE *out, const struct printer *printer)
{
    for (int section = SECTION_COMMAND; section <= SECTION_BUCKET; section++) {
        printer->title(out, SECTION_TITLES[section]);
        for (size_t i = 0; i < OPTIONS_COUNT; i++) {
            char name[80], text[600];
            if (OPTIONS[i].section != section)
                continue;
            name_of(&OPTIONS[i], name, sizeof(name));
            describe(&OPTIONS[i], text, sizeof(text));
            printer->option(out, name, text);
        }
    }
}

static void print_help_title(FILE *out, const char *title)
{
    fprintf(out, "\n%s:\n", title);
}

static void print_help_option(FILE *out, const char *name, const char *text)
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
    const struct printer printer = {print_help_title, print_help_option};
    fprintf(out, "ringcached %s\nusage: ringcached [options]\n", version);
    print_options(out, &printer);
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

static void print_markdown_title(FILE *out, const char *title)
{
    fprintf(out, "\n## %s\n\n| option | meaning |\n|---|---|\n", title);
}

static void print_markdown_option(FILE *out, const char *name, const char *text)
{
    fputs("| `", out);
    for (const char *at = name; *at != '\0'; at++)
        fprintf(out, *at == '|' ? "\\|" : "%c", *at);
    fputs("` | ", out);
    print_cell(out, text);
    fprintf(out, " |\n");
}

void options_print_markdown(FILE *out)
{
    const struct printer printer = {print_markdown_title, print_markdown_option};
    fprintf(out, "# Options\n\nMade by `ringcached --print-options`; the table in the program is the source.\n"
                 "Sizes are bytes or take k, m, g, t (powers of 1024); times are seconds or take ms, s, m, h, d.\n"
                 "In a file a switch is `name = on` or `name = off`; comments begin with `;` or, on a line of their "
                 "own, with `#`.\n");
    print_options(out, &printer);
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

static void print_man_title(FILE *out, const char *title)
{
    fprintf(out, ".SS \"%s\"\n", title);
}

static void print_man_option(FILE *out, const char *name, const char *text)
{
    fputs(".TP\n.B ", out);
    print_troff(out, name);
    fputc('\n', out);
    print_troff(out, text);
    fputc('\n', out);
}

void options_print_man(FILE *out, const char *version)
{
    const struct printer printer = {print_man_title, print_man_option};
    fprintf(out, ".TH RINGCACHED 1 \"\" \"ringcached %s\" \"User Commands\"\n", version);
    fputs(".SH NAME\nringcached \\- memcached that keeps what you store\n"
          ".SH SYNOPSIS\n.B ringcached\n.RI [ options ]\n"
          ".SH DESCRIPTION\n"
          "A server for every memcached client: text, meta and binary protocol. What is stored is kept in the data\n"
          "directory and is there after a restart, also after a crash. Every object carries a version; in buckets\n"
          "that ask for it, concurrent writes are kept as siblings and given to the client to reconcile.\n"
          ".SH OPTIONS\n",
          out);
    print_options(out, &printer);
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
