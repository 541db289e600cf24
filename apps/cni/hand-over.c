/* SPDX-License-Identifier: Apache-2.0 */
/* The CNI plugin's quick half: hands a call over to the agent, which runs the plugin in its own process, and prints what
 * comes back. Whatever does not work out is left to the program of the arguments, which gets the configuration again.
 *
 * Usage: cni-hand-over PROGRAM [ARGUMENT...], with the variables and the stdin of a CNI call
 * Socket: cni.sock beside the agent's; the protocol is that of server.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST (2 * 1024 * 1024)

struct text {
	char *bytes;
	size_t length;
	size_t room;
};

static const char *const variables[] = {
	"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
};

static bool append(struct text *text, const char *bytes, size_t length)
{
	if (text->length + length + 1 > text->room) {
		size_t room = 2 * (text->length + length) + 4096;
		char *bigger = room > 4 * MOST ? NULL : realloc(text->bytes, room);

		if (!bigger)
			return false;
		text->bytes = bigger;
		text->room = room;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = 0;
	return true;
}

static bool read_all(int fd, struct text *text)
{
	char part[16384];
	ssize_t got;

	while ((got = read(fd, part, sizeof(part))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || text->length + (size_t)got > MOST || !append(text, part, (size_t)got))
			return false;
	}
	return text->length > 0 || append(text, "", 0);
}

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		bytes += put;
		length -= (size_t)put;
	}
	return true;
}

/* Which file CNI_NETNS is for us. The path may be another one for the agent, where mount namespaces differ. */
static bool name_namespace(struct text *request)
{
	const char *path = getenv("CNI_NETNS");
	struct stat file;
	char line[64];

	if (!path || stat(path, &file))
		return true;
	snprintf(line, sizeof(line), "CNI_NETNS_FILE=%llu:%llu\n", (unsigned long long)file.st_dev,
		 (unsigned long long)file.st_ino);
	return append(request, line, strlen(line));
}

/* The request: variables, an empty line, the configuration. A line break in a variable would make two of it. */
static bool make_request(struct text *request, const struct text *config)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = getenv(variables[i]);

		if (!value)
			value = "";
		if (strchr(value, '\n') || !append(request, variables[i], strlen(variables[i])) ||
		    !append(request, "=", 1) || !append(request, value, strlen(value)) || !append(request, "\n", 1))
			return false;
	}
	return name_namespace(request) && append(request, "\n", 1) && append(request, config->bytes, config->length);
}

/* The path of cni.sock: beside the socket that "agent-socket" names. What is no plain path is left to the plugin. */
static bool find_socket(const char *config, struct sockaddr_un *address)
{
	static const char name[] = "\"agent-socket\"";
	const char *path = "/var/run/cilium/cilium.sock", *end, *key = strstr(config, name);
	size_t length;

	if (key) {
		path = strchr(key + sizeof(name) - 1, '"');
		if (!path)
			return false;
		path++;
	}
	end = key ? strchr(path, '"') : path + strlen(path);
	if (!end || memchr(path, '\\', (size_t)(end - path)))
		return false;
	if (strncmp(path, "unix://", 7) == 0)
		path += 7;
	while (end > path && end[-1] != '/')
		end--;
	length = (size_t)(end - path);
	if (length == 0 || path[0] != '/' || length + sizeof("cni.sock") > sizeof(address->sun_path))
		return false;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, length);
	strcpy(address->sun_path + length, "cni.sock");
	return true;
}

static bool ask(const struct sockaddr_un *address, const struct text *request, struct text *answer)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool sent = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
		    write_all(fd, request->bytes, request->length) && shutdown(fd, SHUT_WR) == 0;
	bool done = sent && read_all(fd, answer);

	if (fd >= 0)
		close(fd);
	return done;
}

/* The line by which an agent says that what there is of the attachment is this call's: none was there before. */
static bool take_begun(struct text *answer)
{
	static const char line[] = "begun\n";
	size_t length = sizeof(line) - 1;

	if (answer->length < length || memcmp(answer->bytes, line, length) != 0)
		return false;
	memmove(answer->bytes, answer->bytes + length, answer->length - length + 1);
	answer->length -= length;
	return true;
}

/* Prints an answer that is one: a line with 0 or 1, then the output. */
static bool print_answer(const struct text *answer, int *code)
{
	if (answer->length < 2 || (answer->bytes[0] != '0' && answer->bytes[0] != '1') || answer->bytes[1] != '\n')
		return false;
	*code = answer->bytes[0] - '0';
	return write_all(STDOUT_FILENO, answer->bytes + 2, answer->length - 2);
}

/* Never returns. */
static void leave_to(char **program, const struct text *config)
{
	int fd = memfd_create("cni-configuration", MFD_CLOEXEC);

	if (fd < 0 || !write_all(fd, config->bytes, config->length) || lseek(fd, 0, SEEK_SET) < 0 ||
	    dup2(fd, STDIN_FILENO) < 0) {
		fprintf(stderr, "Error: Cannot pass the CNI configuration on: %s\n", strerror(errno));
		exit(1);
	}
	execv(program[0], program);
	fprintf(stderr, "Error: Cannot run \"%s\": %s\n", program[0], strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	struct text config = { 0 }, request = { 0 }, answer = { 0 };
	struct sockaddr_un address = { 0 };
	bool done;
	int code;

	if (argc < 2) {
		fprintf(stderr, "Usage: cni-hand-over PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (!read_all(STDIN_FILENO, &config)) {
		/* Code 6 of the specification: content that cannot be decoded. */
		printf("{\"cniVersion\": \"1.0.0\", \"code\": 6, \"msg\": \"Cannot read the configuration: "
		       "it has more than %d bytes, or cannot be read\"}\n", MOST);
		return 1;
	}
	done = find_socket(config.bytes, &address) && make_request(&request, &config) && ask(&address, &request, &answer);
	/* Also for an answer that does not come in the end. */
	if (take_begun(&answer))
		setenv("CILIUM_CNI_BEGUN", "1", 1);
	if (done && print_answer(&answer, &code))
		return code;
	leave_to(argv + 1, &config);
}
