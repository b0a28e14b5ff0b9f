/* The hello server on epoll, in C: what the kernel needs, and next to nothing else.

   hello KIND, where KIND is hello or echo. The first line of the output is the port; the server ends when its standard
   input does. It keeps half a line and output that the kernel does not take, and knows no other bound than memory. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, EVENTS = 1024 };

typedef struct {
    int fd;
    char *held, *owed; /* half a line; output from its offset on */
    size_t held_size, owed_size, owed_from;
} Client;

static int poller, is_echo;
static char chunk[CHUNK];
static char *replies;
static size_t replies_room;

static void *need(void *memory) {
    if (!memory) exit(3);
    return memory;
}

static void watch(Client *client, int how, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(poller, how, client->fd, &event);
}

static void end(Client *client) {
    close(client->fd);
    free(client->held);
    free(client->owed);
    free(client);
}

static int answer(Client *client, const char *data, size_t size) {
    ssize_t took = send(client->fd, data, size, MSG_NOSIGNAL);
    if (took < 0 && errno != EAGAIN) return -1;
    size_t done = took < 0 ? 0 : (size_t)took;
    if (done < size) {
        client->owed_size = size - done;
        client->owed_from = 0;
        client->owed = need(malloc(client->owed_size));
        memcpy(client->owed, data + done, client->owed_size);
        watch(client, EPOLL_CTL_MOD, EPOLLOUT);
    }
    return 0;
}

static int flush_owed(Client *client) {
    ssize_t took =
        send(client->fd, client->owed + client->owed_from, client->owed_size - client->owed_from, MSG_NOSIGNAL);
    if (took < 0) return errno == EAGAIN ? 0 : -1;
    client->owed_from += (size_t)took;
    if (client->owed_from == client->owed_size) {
        free(client->owed);
        client->owed = NULL;
        watch(client, EPOLL_CTL_MOD, EPOLLIN);
    }
    return 0;
}

static int greet(Client *client, char *data, size_t size) {
    if (client->held) {
        client->held = need(realloc(client->held, client->held_size + size));
        memcpy(client->held + client->held_size, data, size);
        data = client->held;
        size = client->held_size += size;
    }
    char *end_of_data = data + size, *line = data, *stop, *out = replies;
    while ((stop = memchr(line, '\n', (size_t)(end_of_data - line)))) {
        size_t count = (size_t)(stop - line) + 1, used = (size_t)(out - replies);
        if (used + count + 6 > replies_room) {
            replies_room = 2 * (used + count + 6);
            replies = need(realloc(replies, replies_room));
            out = replies + used;
        }
        memcpy(out, "Hello ", 6);
        memcpy(out + 6, line, count);
        out += count + 6;
        line = stop + 1;
    }
    size_t rest = (size_t)(end_of_data - line);
    char *kept = NULL;
    if (rest) memcpy(kept = need(malloc(rest)), line, rest);
    free(client->held);
    client->held = kept;
    client->held_size = rest;
    return out == replies ? 0 : answer(client, replies, (size_t)(out - replies));
}

static void serve(Client *client, uint32_t events) {
    if (client->owed) {
        if (events & ~(uint32_t)EPOLLIN && flush_owed(client)) end(client);
        return;
    }
    ssize_t count = recv(client->fd, chunk, CHUNK, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0 || (is_echo ? answer(client, chunk, (size_t)count) : greet(client, chunk, (size_t)count)))
        end(client);
}

static void admit(int listener) {
    int yes = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        Client *client = need(calloc(1, sizeof *client));
        client->fd = fd;
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int argc, char **argv) {
    is_echo = argc > 1 && !strcmp(argv[1], "echo");
    replies = need(malloc(replies_room = CHUNK));
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 2;
    getsockname(listener, (struct sockaddr *)&address, &size);
    poller = epoll_create1(EPOLL_CLOEXEC);
    Client at_door = {.fd = listener}, at_input = {.fd = 0};
    watch(&at_door, EPOLL_CTL_ADD, EPOLLIN);
    watch(&at_input, EPOLL_CTL_ADD, EPOLLIN);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            Client *client = events[i].data.ptr;
            if (client == &at_input) return 0;
            if (client == &at_door)
                admit(listener);
            else
                serve(client, events[i].events);
        }
    }
}
