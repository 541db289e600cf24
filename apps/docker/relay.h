/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the engine, handed to the program, and to the next one when it ends in the middle. */
#ifndef RELAY_H
#define RELAY_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Bytes of a request or an answer; the program itself takes less. */
#define MOST (4 * 1024 * 1024)
/* Milliseconds: for how long a call waits for a program, and between looking for one. */
#define PATIENCE 60000
#define AGAIN 50

struct text {
	char *bytes;
	size_t length;
	size_t room;
};

static inline long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Lets a descriptor outlive execve(). */
static inline void fcntl_keep(int fd)
{
	fcntl(fd, F_SETFD, 0);
}

/* Gives an errno, or 0 with the descriptor. */
static inline int connect_to(const char *path, int *fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error = 0;

	strcpy(address.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd >= 0 && connect(*fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	error = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return error;
}

/* What is there to be read, put behind the text: 1; 0 at its end; -1 when it broke, or is too much. */
static inline int take(int fd, struct text *text)
{
	ssize_t got;

	if (text->length == text->room) {
		size_t room = text->room ? 2 * text->room : 65536;
		char *bigger = room > MOST ? NULL : realloc(text->bytes, room);

		if (!bigger)
			return -1;
		text->bytes = bigger;
		text->room = room;
	}
	got = recv(fd, text->bytes + text->length, text->room - text->length, 0);
	if (got < 0)
		return errno == EINTR ? 1 : -1;
	text->length += (size_t)got;
	return got > 0;
}

/* Whether an answer has all that its header promises; without a length, up to the end of the stream. */
static inline bool is_whole(const struct text *answer)
{
	static const char name[] = "content-length:";
	const char *end = answer->length ? memmem(answer->bytes, answer->length, "\r\n\r\n", 4) : NULL;

	if (!end)
		return false;
	for (const char *line = answer->bytes; line < end; line = (const char *)memchr(line, '\n', (size_t)(end + 2 - line)) + 1) {
		if (strncasecmp(line, name, sizeof(name) - 1) == 0)
			return answer->length >= (size_t)(end + 4 - answer->bytes) + strtoul(line + sizeof(name) - 1, NULL, 10);
	}
	return true;
}

static inline bool say(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes += put;
		length -= (size_t)put;
	}
	return true;
}

enum outcome { ANSWERED, BROKEN, GONE };

/* Hands over what there is of the request, and the rest as it comes, until the program has answered. */
static inline enum outcome try_once(int engine, int program, struct text *request, struct text *answer)
{
	bool more = true;

	answer->length = 0;
	if (!say(program, request->bytes, request->length))
		return BROKEN;
	for (;;) {
		struct pollfd fds[2] = { { .fd = engine, .events = more ? POLLIN : 0 },
					 { .fd = program, .events = POLLIN } };
		size_t before = request->length;
		int got;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) {
			got = take(program, answer);
			if (got <= 0)
				return is_whole(answer) ? ANSWERED : BROKEN;
			continue;
		}
		if (fds[0].revents & (POLLHUP | POLLERR))
			return GONE;
		if (!(fds[0].revents & POLLIN))
			continue;
		got = take(engine, request);
		if (got < 0)
			return GONE;
		more = got > 0;
		/* A program that has answered before it had everything does not read the rest. */
		if (!say(program, request->bytes + before, request->length - before))
			more = false;
	}
}

/* Returns when the engine has its answer, or is gone. */
static inline bool relay(int engine, const char *path)
{
	static const char none[] = "{\"Err\":\"Cannot serve the engine: the plug-in does not come back (see its log)\"}\n";
	static const char head[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
				   "connection: close\r\n\r\n";
	struct text request = { 0 }, answer = { 0 };
	long long deadline = 0;

	do {
		struct pollfd fd = { .fd = engine };
		enum outcome outcome;
		int program;

		if (connect_to(path, &program) == 0) {
			outcome = try_once(engine, program, &request, &answer);
			close(program);
			if (outcome == ANSWERED)
				return say(engine, answer.bytes, answer.length);
			if (outcome == GONE)
				return false;
		}
		if (!deadline)
			deadline = now() + PATIENCE;
		if (poll(&fd, 1, AGAIN) > 0 && (fd.revents & POLLHUP))
			return false;
	} while (now() < deadline);
	return say(engine, head, sizeof(head) - 1) && say(engine, none, sizeof(none) - 1);
}

#endif
