/* SPDX-License-Identifier: Apache-2.0 */
/* Small UDP packets at a steady rate: "udp send ADDRESS PORT RATE SECONDS" prints how many went, "udp sink ADDRESS PORT". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void sink(int fd)
{
	char buffer[64];

	for (;;)
		if (recv(fd, buffer, sizeof(buffer), 0) < 0 && errno != EINTR)
			fail("recv");
}

static long send_all(int fd, double rate, double seconds)
{
	static char payload[18];
	struct iovec iov = { payload, sizeof(payload) };
	struct mmsghdr messages[BATCH] = { 0 };
	double start = now();
	long sent = 0, all = (long)(rate * seconds);

	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	while (sent < all) {
		long due = (long)((now() - start) * rate) - sent;
		long left = all - sent;

		if (due < BATCH && left > due) {
			struct timespec pause = { 0, 200000 };

			nanosleep(&pause, NULL);
			continue;
		}
		int count = sendmmsg(fd, messages, left < BATCH ? left : BATCH, 0);

		if (count < 0 && errno != ENOBUFS && errno != EAGAIN)
			fail("sendmmsg");
		if (count > 0)
			sent += count;
		if (now() - start > seconds * 5)
			break;
	}
	fprintf(stderr, "%.3f\n", now() - start);
	return sent;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc < 4 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
		return 2;
	address.sin_port = htons(atoi(argv[3]));
	if (strcmp(argv[1], "sink") == 0) {
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
			fail("bind");
		sink(fd);
	}
	if (argc < 6 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("connect");
	printf("%ld\n", send_all(fd, atof(argv[4]), atof(argv[5])));
	return 0;
}
