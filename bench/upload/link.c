/* A long line between two network namespaces of its own: so many ms each way, so many Mbit/s, a queue that drops its tail.
 * For kernels without netem. Needs root.
 *
 *     link DELAY_MS MBIT QUEUE_KB
 *
 * prints "near PID far PID", processes that hold the namespaces; each has a device "line0", yet without an address.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 1 << 15, LARGEST = 2048 };

typedef struct { int64_t due; int size; uint8_t bytes[LARGEST]; } Packet;
typedef struct { Packet *ring; unsigned head, tail; int64_t idle_at; } Way;   /* idle_at: when the line has sent all of it */

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static pid_t hold_namespace(void) {
    int ready[2];
    char byte;
    if (pipe(ready)) exit(1);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET)) perror("link: unshare"), exit(1);
        if (write(ready[1], "x", 1) == 1) pause();
        exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) exit(1);
    return pid;
}

static int device_in(pid_t pid) {
    char path[64];
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI, .ifr_name = "line0"};
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    int space = open(path, O_RDONLY), device;
    if (space < 0 || setns(space, CLONE_NEWNET)) perror("link: setns"), exit(1);
    device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (device < 0 || ioctl(device, TUNSETIFF, &request)) perror("link: tun"), exit(1);
    close(space);
    return device;
}

static void take(Way *way, int device, double ns_a_byte, int64_t delay, int64_t most_waiting) {
    for (;;) {
        Packet *packet = &way->ring[way->tail % PACKETS];
        if (way->tail - way->head == PACKETS || (packet->size = read(device, packet->bytes, LARGEST)) <= 0) return;
        int64_t at = now(), start = way->idle_at > at ? way->idle_at : at;
        if (start - at > most_waiting) continue;                                         /* the queue is full: dropped */
        way->idle_at = start + packet->size * ns_a_byte;
        packet->due = way->idle_at + delay;
        way->tail++;
    }
}

static void give(Way *way, int device) {
    while (way->head != way->tail && way->ring[way->head % PACKETS].due <= now()) {
        Packet *packet = &way->ring[way->head++ % PACKETS];
        if (write(device, packet->bytes, packet->size) < 0) continue;                    /* an interface that is not up yet */
    }
}

static void sleep_until_something(Way ways[2], int devices[2]) {
    int64_t next = now() + 100000000;
    struct pollfd seen[2] = {{devices[0], POLLIN, 0}, {devices[1], POLLIN, 0}};
    for (int i = 0; i < 2; i++)
        if (ways[i].head != ways[i].tail && ways[i].ring[ways[i].head % PACKETS].due < next)
            next = ways[i].ring[ways[i].head % PACKETS].due;
    int64_t left = next - now();
    if (left > 0) ppoll(seen, 2, &(struct timespec){left / 1000000000, left % 1000000000}, NULL);
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "usage: link DELAY_MS MBIT QUEUE_KB\n"), 2;
    double ns_a_byte = 8000 / atof(words[2]);
    int64_t delay = atof(words[1]) * 1e6, most_waiting = atof(words[3]) * 1024 * ns_a_byte;
    Way ways[2] = {{.ring = calloc(PACKETS, sizeof(Packet))}, {.ring = calloc(PACKETS, sizeof(Packet))}};
    pid_t near = hold_namespace(), far = hold_namespace();
    int devices[2] = {device_in(near), device_in(far)};
    printf("near %d far %d\n", near, far);
    fflush(stdout);
    for (;;) {
        for (int i = 0; i < 2; i++) take(&ways[i], devices[i], ns_a_byte, delay, most_waiting), give(&ways[i], devices[!i]);
        sleep_until_something(ways, devices);
    }
}
