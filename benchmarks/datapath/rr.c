/* SPDX-License-Identifier: Apache-2.0 */
/* TCP request/response with one byte each way: "rr server ADDRESS PORT" or "rr client ADDRESS PORT SECONDS".
 * The client prints round trips a second.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static void serve(struct addrinfo *local)
{
	int one = 1, listener = socket(local->ai_family, SOCK_STREAM, 0);
	char byte;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, local->ai_addr, local->ai_addrlen) != 0 || listen(listener, 16) != 0)
		fail("bind");
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			fail("accept");
		no_delay(fd);
		while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
			;
		close(fd);
	}
}

static void ask(struct addrinfo *remote, double seconds)
{
	int fd = socket(remote->ai_family, SOCK_STREAM, 0);
	double start, end;
	long count = 0;
	char byte = 'x';

	if (connect(fd, remote->ai_addr, remote->ai_addrlen) != 0)
		fail("connect");
	no_delay(fd);
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
	if (argc == 5 && strcmp(argv[1], "client") == 0) {
		ask(resolve(argv[2], argv[3]), atof(argv[4]));
		return 0;
	}
	fprintf(stderr, "Usage: rr server ADDRESS PORT | rr client ADDRESS PORT SECONDS\n");
	return 2;
}
