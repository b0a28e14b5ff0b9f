/* The load on one server: so many connections, each of which sends, checks the reply, and sends again.

   loader PORT KIND CONNECTIONS PIPELINE LENGTH IDLE PATIENCE
   KIND is hello, echo or anew (a connection for each request); LENGTH is that of a name, or of the block echoed.
   First IDLE connections are opened, which ask once and then keep still, then the others. "ready" says that they stand.
   Each line of the standard input is a number of seconds: the load runs so long, then until nothing is owed, and the
   answer is a line: requests, seconds, seconds of this process's own processor time. A server that answers wrongly, or
   not for PATIENCE seconds, is told in one line, and the loader ends; so it does when its standard input does. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { CHUNK = 1 << 18, EVENTS = 1024, SOURCES = 250 };

typedef struct {
    int fd;
    char *request, *reply;
    size_t sent, got;
    int is_pushing; /* waits until the rest of its request may be sent */
} Client;

static int port, is_echo, is_anew, pipeline;
static size_t length, request_size, reply_size;
static double patience;
static int poller;
static char chunk[CHUNK];

static double now(clockid_t clock) {
    struct timespec moment;
    clock_gettime(clock, &moment);
    return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

static void fail(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
    exit(1);
}

/* Names differ by connection and place, so that a reply that belongs to another one is seen. */
static void write_texts(Client *client, int number) {
    client->request = malloc(request_size);
    client->reply = malloc(reply_size);
    if (!client->request || !client->reply) fail("no memory");
    char *in = client->request, *out = client->reply;
    for (int place = 0; place < pipeline; place++) {
        char head[32];
        int headed = snprintf(head, sizeof head, "%06d-%02d-", number, place);
        for (size_t i = 0; i < length; i++) in[i] = i < (size_t)headed ? head[i] : (char)('a' + i % 26);
        if (is_echo) {
            memcpy(out, in, length);
            continue;
        }
        in[length] = '\n';
        memcpy(out, "Hello ", 6);
        memcpy(out + 6, in, length + 1);
        in += length + 1;
        out += length + 7;
    }
}

/* Many source addresses: the ports of one are used up by what waits for its end. */
static int connected(void) {
    static unsigned turn;
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("the loader has no descriptors left");
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn++ % SOURCES);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    bind(fd, (struct sockaddr *)&address, sizeof address);
    struct timeval limit = {.tv_sec = (time_t)patience, .tv_usec = (suseconds_t)((patience - (time_t)patience) * 1e6)};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("the server does not accept connections");
    return fd;
}

static void watch(Client *client, int how, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(poller, how, client->fd, &event);
}

static void push(Client *client) {
    ssize_t took =
        send(client->fd, client->request + client->sent, request_size - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took < 0 && errno != EAGAIN) fail("the server has ended a connection");
    if (took > 0) client->sent += (size_t)took;
    int is_short = client->sent < request_size;
    if (is_short != client->is_pushing) watch(client, EPOLL_CTL_MOD, is_short ? EPOLLIN | EPOLLOUT : EPOLLIN);
    client->is_pushing = is_short;
}

static void ask(Client *client) {
    client->sent = client->got = 0;
    push(client);
}

/* Is the reply whole? */
static int take(Client *client, int flags) {
    ssize_t count = recv(client->fd, chunk, CHUNK, flags);
    if (count < 0 && errno == EAGAIN) {
        if (flags) return 0;
        fail("the server does not answer");
    }
    if (count <= 0) fail("the server has ended a connection");
    if (client->got + (size_t)count > reply_size || memcmp(client->reply + client->got, chunk, (size_t)count)) {
        printf("the server answers wrongly: %.*s\n", count < 60 ? (int)strcspn(chunk, "\n") : 60, chunk);
        fflush(stdout);
        exit(1);
    }
    client->got += (size_t)count;
    return client->got == reply_size;
}

static void ask_once(Client *client) {
    for (client->got = client->sent = 0; client->sent < request_size;) {
        ssize_t took = send(client->fd, client->request + client->sent, request_size - client->sent, MSG_NOSIGNAL);
        if (took < 0) fail("the server does not read");
        client->sent += (size_t)took;
    }
    while (!take(client, 0)) {
    }
}

static void run(Client *clients, int count, double seconds) {
    struct epoll_event events[EVENTS];
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), began = now(CLOCK_MONOTONIC);
    long requests = 0;
    int owed = count;
    for (int i = 0; i < count; i++) ask(&clients[i]);
    while (owed) {
        int ready = epoll_wait(poller, events, EVENTS, (int)(patience * 1e3));
        if (ready == 0) fail("the server does not answer");
        int is_time = now(CLOCK_MONOTONIC) < began + seconds;
        for (int i = 0; i < ready; i++) {
            Client *client = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) push(client);
            if (!(events[i].events & ~(uint32_t)EPOLLOUT) || !take(client, MSG_DONTWAIT)) continue;
            requests += pipeline;
            if (is_anew) {
                close(client->fd);
                client->fd = connected();
                watch(client, EPOLL_CTL_ADD, EPOLLIN);
            }
            if (is_time)
                ask(client);
            else
                owed--;
        }
    }
    double seconds_used = now(CLOCK_MONOTONIC) - began;
    printf("%ld %.9f %.9f\n", requests, seconds_used, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 8) fail("usage: loader PORT KIND CONNECTIONS PIPELINE LENGTH IDLE PATIENCE");
    port = atoi(argv[1]);
    is_echo = !strcmp(argv[2], "echo");
    is_anew = !strcmp(argv[2], "anew");
    int count = atoi(argv[3]), idle = atoi(argv[6]);
    pipeline = is_echo ? 1 : atoi(argv[4]);
    length = (size_t)atol(argv[5]);
    patience = atof(argv[7]);
    request_size = is_echo ? length : (length + 1) * (size_t)pipeline;
    reply_size = is_echo ? length : (length + 7) * (size_t)pipeline;
    poller = epoll_create1(EPOLL_CLOEXEC);
    Client *clients = calloc((size_t)count, sizeof *clients), still;
    write_texts(&still, 999999);
    for (int i = 0; i < idle; i++) {
        still.fd = connected();
        ask_once(&still);
    }
    for (int i = 0; i < count; i++) {
        write_texts(&clients[i], i);
        clients[i].fd = connected();
        ask_once(&clients[i]);
        watch(&clients[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    printf("ready\n");
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin)) run(clients, count, atof(line));
    return 0;
}
