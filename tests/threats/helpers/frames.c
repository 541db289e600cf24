/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as they are: "send DEVICE" sends each line of stdin (hexadecimal), "watch DEVICE" prints each that arrives,
 * "flood DEVICE RATE SECONDS" sends the line of stdin with another TCP or UDP source port each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONGEST 65536
/* Seconds, on a machine that has little time for it. */
#define LONGEST_FLOOD 60

static struct sockaddr_ll place;

static int open_device(const char *name)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	place.sll_family = AF_PACKET;
	place.sll_protocol = htons(ETH_P_ALL);
	place.sll_ifindex = if_nametoindex(name);
	if (fd < 0 || !place.sll_ifindex || bind(fd, (struct sockaddr *)&place, sizeof(place))) {
		fprintf(stderr, "Cannot open device \"%s\": %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Bytes of the next line, 0 at the end. */
static int read_frame(unsigned char *frame)
{
	static char line[2 * LONGEST + 2];
	int length = 0;

	if (!fgets(line, sizeof(line), stdin))
		return 0;
	for (char *at = line; length < LONGEST && sscanf(at, "%2hhx", &frame[length]) == 1; at += 2)
		length++;
	return length;
}

static int send_all(int fd)
{
	static unsigned char frame[LONGEST];
	int length;

	while ((length = read_frame(frame)) > 0) {
		if (send(fd, frame, length, 0) != length) {
			fprintf(stderr, "Cannot send %d bytes: %s\n", length, strerror(errno));
			return 1;
		}
	}
	return 0;
}

static int watch(int fd)
{
	static unsigned char frame[LONGEST];

	printf("ready\n");
	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		int length;

		fflush(stdout);
		length = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size);
		if (length < 0)
			return 1;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (int i = 0; i < length; i++)
			printf("%02x", frame[i]);
		printf("\n");
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int flood(int fd, double rate, double seconds)
{
	static unsigned char frame[LONGEST];
	int length = read_frame(frame), ports = frame[12] == 0x86 ? 54 : 34;
	double since = now();
	unsigned int sent = 0;

	if (length < ports + 4)
		return 1;
	while (sent < rate * seconds && now() - since < LONGEST_FLOOD) {
		/* The checksum of a flood's packets need not be right: nobody shall answer them. */
		frame[ports] = 128 + ((sent >> 8) & 127);
		frame[ports + 1] = sent & 255;
		frame[ports + 2] = 0x40 + ((sent >> 15) & 15);
		if (send(fd, frame, length, 0) == length)
			sent++;
		if (sent > (now() - since) * rate)
			usleep(500);
	}
	printf("%u\n", sent);
	return 0;
}

int main(int count, char **arguments)
{
	if (count == 3 && !strcmp(arguments[1], "send"))
		return send_all(open_device(arguments[2]));
	if (count == 3 && !strcmp(arguments[1], "watch"))
		return watch(open_device(arguments[2]));
	if (count == 5 && !strcmp(arguments[1], "flood"))
		return flood(open_device(arguments[2]), atof(arguments[3]), atof(arguments[4]));
	fprintf(stderr, "Usage: frames send|watch DEVICE | flood DEVICE RATE SECONDS\n");
	return 2;
}
