/* A Modbus server on libmodbus with known values, for a driver that its authors never saw.
 *
 * Usage: libmodbus_server tcp PORT   - or -   libmodbus_server rtu
 * The second makes a pair of pseudo terminals, serves on one and prints the path of the other.
 *
 * The registers are written by hand as the bytes on the wire, and libmodbus's own getters must read them back: of its setters
 * modbus_set_float_abcd writes another order than its name says (3.1.6).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <modbus.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

static void give_up(const char *what) {
    fprintf(stderr, "libmodbus_server: %s: %s\n", what, errno ? modbus_strerror(errno) : "it is not so");
    exit(1);
}

static void must(int is_so, const char *what) {
    if (!is_so) {
        give_up(what);
    }
}

/* Puts the bytes of a value, given as a word of `count` bytes with the most significant first, in the order of `places`. */
static void put(uint16_t *registers, uint64_t value, int count, const int *places) {
    for (int i = 0; i < count; i++) {
        int shift = 8 * (count - 1 - places[i]);
        uint16_t byte = (value >> shift) & 0xff;
        registers[i / 2] |= i % 2 ? byte : byte << 8;
    }
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static const int ABCD[] = {0, 1, 2, 3}, CDAB[] = {2, 3, 0, 1}, BADC[] = {1, 0, 3, 2}, DCBA[] = {3, 2, 1, 0};
static const int EIGHT[] = {0, 1, 2, 3, 4, 5, 6, 7};

static modbus_mapping_t *values(void) {
    modbus_mapping_t *map = modbus_mapping_new(8, 8, 40, 16);
    must(map != NULL, "no room for the registers");
    map->tab_bits[0] = 1;
    map->tab_bits[3] = 1;
    map->tab_input_bits[2] = 1;

    uint16_t *holding = map->tab_registers;
    holding[0] = 1234;
    holding[1] = (uint16_t)-5;
    put(holding + 2, bits_of(21.5f), 4, ABCD);
    put(holding + 4, bits_of(-0.125f), 4, CDAB);
    put(holding + 6, bits_of(0.001f), 4, BADC);
    put(holding + 8, bits_of(3.5e10f), 4, DCBA);
    put(holding + 10, 3000000000u, 4, ABCD);
    put(holding + 12, (uint32_t)-123456, 4, CDAB);
    put(holding + 14, (UINT64_C(1) << 40) + 5, 8, EIGHT);
    holding[18] = 0x1234;
    const char *text = "PUMP-7A";
    for (int i = 0; i < 8; i++) {
        holding[20 + i / 2] |= (uint16_t)(unsigned char)text[i] << (i % 2 ? 0 : 8);
    }
    holding[24] = 0x0008;

    must(modbus_get_float_abcd(holding + 2) == 21.5f, "ABCD");
    must(modbus_get_float_cdab(holding + 4) == -0.125f, "CDAB");
    must(modbus_get_float_badc(holding + 6) == 0.001f, "BADC");
    must(modbus_get_float_dcba(holding + 8) == 3.5e10f, "DCBA");
    must(MODBUS_GET_INT32_FROM_INT16(holding, 10) == (int32_t)3000000000u, "u32");
    must(MODBUS_GET_INT64_FROM_INT16(holding, 14) == (INT64_C(1) << 40) + 5, "u64");

    map->tab_input_registers[0] = 501;
    map->tab_input_registers[10] = 65535;
    return map;
}

static void serve_tcp(int port) {
    modbus_t *context = modbus_new_tcp("127.0.0.1", port);
    must(context != NULL, "no context");
    int listener = modbus_tcp_listen(context, 8);
    must(listener >= 0, "it cannot listen");
    modbus_mapping_t *map = values();
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    fd_set all, ready;
    FD_ZERO(&all);
    FD_SET(listener, &all);
    int highest = listener;
    for (;;) {
        ready = all;
        if (select(highest + 1, &ready, NULL, NULL, NULL) < 0) {
            give_up("select");
        }
        for (int socket = 0; socket <= highest; socket++) {
            if (!FD_ISSET(socket, &ready)) {
                continue;
            }
            if (socket == listener) {
                int client = modbus_tcp_accept(context, &listener);
                if (client >= 0 && client < FD_SETSIZE) {
                    FD_SET(client, &all);
                    highest = client > highest ? client : highest;
                }
                continue;
            }
            modbus_set_socket(context, socket);
            int length = modbus_receive(context, query);
            if (length > 0) {
                modbus_reply(context, query, length, map);
            } else if (length < 0) {
                close(socket);
                FD_CLR(socket, &all);
            }
        }
    }
}

/* Two masters, whose bytes are handed from one to the other. */
static int masters[2];

static void *hand_on(void *unused) {
    (void)unused;
    struct pollfd ends[2] = {{masters[0], POLLIN, 0}, {masters[1], POLLIN, 0}};
    char bytes[512];
    for (;;) {
        poll(ends, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (ends[i].revents & POLLIN) {
                ssize_t count = read(masters[i], bytes, sizeof bytes);
                if (count > 0 && write(masters[1 - i], bytes, count) < 0) {
                    give_up("the line");
                }
            } else if (ends[i].revents) {
                usleep(10000); /* Nobody has the other end open. */
            }
        }
    }
    return NULL;
}

static char *open_end(int which, int *slave) {
    masters[which] = posix_openpt(O_RDWR | O_NOCTTY);
    must(masters[which] >= 0 && !grantpt(masters[which]) && !unlockpt(masters[which]), "no pseudo terminal");
    char *path = strdup(ptsname(masters[which]));
    /* Held open and raw, so that nothing is echoed and the end does not hang up while nobody else has it. */
    *slave = open(path, O_RDWR | O_NOCTTY);
    struct termios raw;
    must(*slave >= 0 && !tcgetattr(*slave, &raw), "no pseudo terminal's end");
    cfmakeraw(&raw);
    tcsetattr(*slave, TCSANOW, &raw);
    return path;
}

static void serve_rtu(void) {
    int held[2];
    char *own = open_end(0, &held[0]), *other = open_end(1, &held[1]);
    pthread_t thread;
    must(!pthread_create(&thread, NULL, hand_on, NULL), "no thread");
    modbus_t *context = modbus_new_rtu(own, 115200, 'N', 8, 1);
    must(context != NULL && !modbus_set_slave(context, 1) && !modbus_connect(context), "it cannot serve the line");
    modbus_mapping_t *map = values();
    printf("%s\n", other);
    fflush(stdout);
    uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(context, query);
        if (length > 0) {
            modbus_reply(context, query, length, map);
        }
    }
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "tcp")) {
        serve_tcp(atoi(words[2]));
    } else if (count == 2 && !strcmp(words[1], "rtu")) {
        serve_rtu();
    }
    fprintf(stderr, "usage: libmodbus_server tcp PORT | rtu\n");
    return 2;
}
