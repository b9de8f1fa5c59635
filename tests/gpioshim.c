/* A GPIO chip for tests: what libgpiod asks the kernel for is answered here, and written to a file, a line each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CHIP "/dev/gpiochip0"
#define LINES 54

static void say(const char *format, ...)
{
    char text[256];
    va_list more;
    FILE *file = fopen(getenv("GPIO_TOLD"), "a");
    va_start(more, format);
    vsnprintf(text, sizeof text, format, more);
    va_end(more);
    fprintf(file, "%s\n", text);
    fclose(file);
}

static int chip(const char *path, struct stat *found)
{
    if (strcmp(path, CHIP))
        return 0;
    memset(found, 0, sizeof *found);
    found->st_mode = S_IFCHR | 0600;
    found->st_rdev = makedev(254, 0);
    return 1;
}

int lstat(const char *restrict path, struct stat *restrict found)
{
    int (*real)(const char *, struct stat *) = dlsym(RTLD_NEXT, "lstat");
    return chip(path, found) ? 0 : real(path, found);
}

int stat(const char *restrict path, struct stat *restrict found)
{
    int (*real)(const char *, struct stat *) = dlsym(RTLD_NEXT, "stat");
    return chip(path, found) ? 0 : real(path, found);
}

/* The names that these two had before glibc 2.33, for which wheels are built. */
int __lxstat(int version, const char *path, struct stat *found)
{
    int (*real)(int, const char *, struct stat *) = dlsym(RTLD_NEXT, "__lxstat");
    return chip(path, found) ? 0 : real(version, path, found);
}

int __xstat(int version, const char *path, struct stat *found)
{
    int (*real)(int, const char *, struct stat *) = dlsym(RTLD_NEXT, "__xstat");
    return chip(path, found) ? 0 : real(version, path, found);
}

char *realpath(const char *restrict path, char *restrict found)
{
    char *(*real)(const char *, char *) = dlsym(RTLD_NEXT, "realpath");
    return strcmp(path, "/sys/dev/char/254:0/subsystem") ? real(path, found) : strdup("/sys/bus/gpio");
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    return real(strcmp(path, CHIP) ? path : "/dev/null", flags, mode);
}

static int line_request(struct gpio_v2_line_request *asked)
{
    unsigned long long values = 0;
    for (unsigned i = 0; i < asked->config.num_attrs; i++)
        if (asked->config.attrs[i].attr.id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES)
            values = asked->config.attrs[i].attr.values;
    for (unsigned i = 0; i < asked->num_lines; i++) {
        unsigned long long flags = asked->config.flags;
        for (unsigned j = 0; j < asked->config.num_attrs; j++)
            if (asked->config.attrs[j].attr.id == GPIO_V2_LINE_ATTR_ID_FLAGS && asked->config.attrs[j].mask >> i & 1)
                flags = asked->config.attrs[j].attr.flags;
        say("line %u of '%s' output %d low %d active %d", asked->offsets[i], asked->consumer,
            !!(flags & GPIO_V2_LINE_FLAG_OUTPUT), !!(flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW), (int)(values >> i & 1));
    }
    asked->fd = open("/dev/null", O_RDWR);
    return 0;
}

int ioctl(int file, unsigned long asked, ...)
{
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    va_list more;
    va_start(more, asked);
    void *told = va_arg(more, void *);
    va_end(more);
    switch ((unsigned)asked) {
    case GPIO_GET_CHIPINFO_IOCTL:
        memset(told, 0, sizeof(struct gpiochip_info));
        ((struct gpiochip_info *)told)->lines = LINES;
        return 0;
    case GPIO_V2_GET_LINEINFO_IOCTL:
        return 0;
    case GPIO_V2_GET_LINE_IOCTL:
        return line_request(told);
    case GPIO_V2_LINE_SET_VALUES_IOCTL: {
        struct gpio_v2_line_values *set = told;
        say("set %llu of %llu", (unsigned long long)set->bits, (unsigned long long)set->mask);
        return 0;
    }
    default:
        return real(file, asked, told);
    }
}
