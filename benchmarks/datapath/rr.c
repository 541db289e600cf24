/* SPDX-License-Identifier: Apache-2.0 */
/* TCP request/response with one byte each way. "rr server ADDRESS PORT" serves one connection at a time, "rr servers"
 * many. "rr client ADDRESS PORT SECONDS" prints round trips a second of one connection, "rr clients" of 32 together,
 * "rr connects" those of which each has a connection of its own.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 32

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct addrinfo *resolve(const char *address, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found;

	if (getaddrinfo(address, port, &hints, &found) != 0)
		fail("getaddrinfo");
	return found;
}

static void no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		fail("setsockopt");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int listen_on(struct addrinfo *local)
{
	int one = 1, listener = socket(local->ai_family, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, local->ai_addr, local->ai_addrlen) != 0 || listen(listener, 128) != 0)
		fail("bind");
	return listener;
}

static int accept_from(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		fail("accept");
	no_delay(fd);
	return fd;
}

static int connect_to(struct addrinfo *remote)
{
	int fd = socket(remote->ai_family, SOCK_STREAM, 0);

	if (connect(fd, remote->ai_addr, remote->ai_addrlen) != 0)
		fail("connect");
	no_delay(fd);
	return fd;
}

static void serve(struct addrinfo *local)
{
	int listener = listen_on(local);
	char byte;

	for (;;) {
		int fd = accept_from(listener);

		while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
			;
		close(fd);
	}
}

static void watch(int poll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll_ctl");
}

static void serve_many(struct addrinfo *local)
{
	int listener = listen_on(local), poll = epoll_create1(0);
	struct epoll_event events[CONNECTIONS];
	char byte;

	watch(poll, listener);
	for (;;) {
		int ready = epoll_wait(poll, events, CONNECTIONS, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				watch(poll, accept_from(listener));
			else if (read(fd, &byte, 1) != 1 || write(fd, &byte, 1) != 1)
				close(fd);
		}
	}
}

static void ask_many(struct addrinfo *remote, double seconds)
{
	int poll = epoll_create1(0);
	struct epoll_event events[CONNECTIONS];
	double start, end;
	long count = 0;
	char byte = 'x';

	for (int i = 0; i < CONNECTIONS; i++) {
		int fd = connect_to(remote);

		watch(poll, fd);
		if (write(fd, &byte, 1) != 1)
			fail("write");
	}
	start = now();
	do {
		int ready = epoll_wait(poll, events, CONNECTIONS, 1000);

		if (ready <= 0)
			fail("epoll_wait");
		for (int i = 0; i < ready; i++)
			if (read(events[i].data.fd, &byte, 1) != 1 || write(events[i].data.fd, &byte, 1) != 1)
				fail("round trip");
		count += ready;
		end = now();
	} while (end - start < seconds);
	printf("%.1f\n", count / (end - start));
}

/* Closes with a reset, so that no port waits. */
static void ask_with_new_connections(struct addrinfo *remote, double seconds)
{
	struct linger at_once = { .l_onoff = 1 };
	double start = now(), end;
	long count = 0;
	char byte = 'x';

	do {
		int fd = connect_to(remote);

		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			fail("round trip");
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
		count++;
		end = now();
	} while (end - start < seconds);
	printf("%.1f\n", count / (end - start));
}

static void ask(struct addrinfo *remote, double seconds)
{
	int fd = connect_to(remote);
	double start, end;
	long count = 0;
	char byte = 'x';

	start = now();
	do {
		for (int i = 0; i < 100; i++) {
			if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
				fail("round trip");
		}
		count += 100;
		end = now();
	} while (end - start < seconds);
	printf("%.1f\n", count / (end - start));
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "server") == 0)
		serve(resolve(argv[2], argv[3]));
	if (argc == 4 && strcmp(argv[1], "servers") == 0)
		serve_many(resolve(argv[2], argv[3]));
	if (argc == 5) {
		struct addrinfo *remote = resolve(argv[2], argv[3]);
		double seconds = atof(argv[4]);

		if (strcmp(argv[1], "client") == 0)
			ask(remote, seconds);
		else if (strcmp(argv[1], "clients") == 0)
			ask_many(remote, seconds);
		else
			ask_with_new_connections(remote, seconds);
		return 0;
	}
	fprintf(stderr, "Usage: rr server|servers ADDRESS PORT | rr client|clients|connects ADDRESS PORT SECONDS\n");
	return 2;
}
