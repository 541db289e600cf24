/* SPDX-License-Identifier: Apache-2.0 */
/* The plug-in's door: holds the engine's socket and its calls while the program that answers them is started again. The
 * engine repeats a call whose connection broke without its body, which cannot work; so here each call has a process of
 * its own that keeps the body, and hands it to the next program when one ends in the middle.
 *
 * Usage: docker-front PROGRAM [ARGUMENT...]
 * The program has a socket as descriptor 3 (its number is in CILIUM_DOCKER_FRONT). When it serves it writes two lines
 * there, the engine's socket and its own, and gets a byte when the engine's can be used. One that ends before its first
 * such lines ends this too, with its code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "relay.h"

#define CONTROL 3
#define MOST_CALLS 256
/* Milliseconds: between a program that ended at once and the next; in which who is at the door is let in; for calls
 * under way when it is to stop; for the program to stop. */
#define PAUSE 500
#define DOOR_TIME 100
#define CALLS_TIME 35000
#define PROGRAM_TIME 35000

struct front {
	char **command;
	pid_t program;
	long long started;
	/* Of the next start; 0 while it runs. */
	long long start_at;
	int control;
	int listener;
	int calls;
	char outer[108];
	char inner[108];
	/* 0 until it is to stop. */
	long long stop_at;
	bool program_told;
};

static volatile sig_atomic_t told_to_stop;

static void note(int signal)
{
	if (signal != SIGCHLD)
		told_to_stop = 1;
}

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "Error: Cannot %s \"%s\": %s\n", what, name, strerror(errno));
}

static void run_program(const struct front *front, int control, pid_t parent, const sigset_t *usual)
{
	sigprocmask(SIG_SETMASK, usual, NULL);
	signal(SIGCHLD, SIG_DFL);
	/* No two of them: this one goes with us, whatever ends us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || (control != CONTROL && dup2(control, CONTROL) < 0))
		_exit(1);
	if (control == CONTROL)
		fcntl_keep(CONTROL);
	setenv("CILIUM_DOCKER_FRONT", "3", 1);
	execvp(front->command[0], front->command);
	fail("run", front->command[0]);
	_exit(1);
}

static bool start_program(struct front *front, const sigset_t *usual)
{
	pid_t parent = getpid();
	int pair[2];

	front->start_at = 0;
	front->started = now();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		fail("make a socket for", front->command[0]);
		return false;
	}
	front->program = fork();
	if (front->program == 0)
		run_program(front, pair[1], parent, usual);
	close(pair[1]);
	if (front->program < 0) {
		fail("start", front->command[0]);
		close(pair[0]);
		front->program = 0;
		return false;
	}
	front->control = pair[0];
	return true;
}

/* A socket file on which nobody answers is replaced. */
static bool listen_outside(struct front *front)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int error;

	strcpy(address.sun_path, front->outer);
	error = connect_to(front->outer, &front->listener);
	if (error == 0) {
		close(front->listener);
		front->listener = -1;
		errno = EADDRINUSE;
		fail("listen on", front->outer);
		return false;
	}
	if (error == ECONNREFUSED)
		unlink(front->outer);
	front->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	error = front->listener < 0 || bind(front->listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(front->listener, 511);
	umask(mask);
	if (error)
		fail("listen on", front->outer);
	return !error;
}

/* False ends us. */
static bool hear_program(struct front *front)
{
	char text[2 * sizeof(front->outer)], *line, *end;
	ssize_t length = recv(front->control, text, sizeof(text) - 1, 0);

	if (length <= 0) {
		close(front->control);
		front->control = -1;
		return true;
	}
	text[length] = 0;
	line = strchr(text, '\n');
	end = line ? strchr(line + 1, '\n') : NULL;
	if (!end || line - text >= (long)sizeof(front->outer) || end - line > (long)sizeof(front->inner)) {
		fprintf(stderr, "Error: Cannot read what the program says: not two lines with paths of sockets\n");
		return false;
	}
	*line = *end = 0;
	strcpy(front->inner, line + 1);
	if (front->listener < 0) {
		strcpy(front->outer, text);
		if (!listen_outside(front))
			return false;
	}
	return send(front->control, "k", 1, MSG_NOSIGNAL) == 1 || errno == EPIPE;
}

static void accept_call(struct front *front, const sigset_t *usual)
{
	int call = accept4(front->listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (call < 0)
		return;
	pid = fork();
	if (pid == 0) {
		/* Its call ends with its answer, whatever becomes of the rest. */
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
		sigprocmask(SIG_SETMASK, usual, NULL);
		close(front->listener);
		if (front->control >= 0)
			close(front->control);
		_exit(relay(call, front->inner) ? 0 : 1);
	}
	if (pid > 0)
		front->calls++;
	else
		fail("start a call of", front->outer);
	close(call);
}

/* Gives the exit code when the program ended that has to run; -1 else. */
static int reap(struct front *front)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != front->program) {
			front->calls--;
			continue;
		}
		front->program = 0;
		if (front->control >= 0)
			close(front->control);
		front->control = -1;
		if (front->stop_at)
			return 0;
		if (front->listener < 0)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		front->start_at = now() + (now() - front->started < PAUSE ? PAUSE : 0);
	}
	return -1;
}

/* One step of stopping: the door closes, calls end, the program ends. */
static void stop(struct front *front)
{
	long long since;

	if (!front->stop_at) {
		front->stop_at = now();
		front->start_at = 0;
		if (front->listener >= 0)
			unlink(front->outer);
	}
	since = now() - front->stop_at;
	if (since >= DOOR_TIME && front->listener >= 0) {
		close(front->listener);
		front->listener = -1;
	}
	if (front->program > 0 && !front->program_told && since >= DOOR_TIME && (front->calls == 0 || since > CALLS_TIME)) {
		front->program_told = true;
		kill(front->program, SIGTERM);
	}
	if (front->program > 0 && since > CALLS_TIME + PROGRAM_TIME)
		kill(front->program, SIGKILL);
}

static void wait_for_events(struct front *front, const sigset_t *usual)
{
	struct pollfd fds[2] = {
		{ .fd = front->control, .events = POLLIN },
		{ .fd = front->calls < MOST_CALLS ? front->listener : -1, .events = POLLIN },
	};
	struct timespec most = { .tv_nsec = DOOR_TIME * 1000000L / 2 };
	bool timed = front->stop_at || front->start_at;

	if (ppoll(fds, 2, timed ? &most : NULL, usual) <= 0)
		return;
	if (fds[0].revents && !hear_program(front)) {
		if (front->program > 0)
			kill(front->program, SIGKILL);
		exit(1);
	}
	if (fds[1].revents)
		accept_call(front, usual);
}

static int serve(struct front *front, const sigset_t *usual)
{
	int code;

	if (!start_program(front, usual))
		return 1;
	for (;;) {
		code = reap(front);
		if (code >= 0)
			return code;
		if (told_to_stop)
			stop(front);
		if (front->stop_at && front->program == 0 && front->listener < 0)
			return 0;
		if (front->start_at && now() >= front->start_at && !start_program(front, usual))
			front->start_at = now() + PAUSE;
		wait_for_events(front, usual);
	}
}

int main(int argc, char **argv)
{
	struct front front = { .command = argv + 1, .control = -1, .listener = -1 };
	struct sigaction action = { .sa_handler = note };
	sigset_t ours, usual;

	if (argc < 2) {
		fprintf(stderr, "Usage: docker-front PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	/* They come while we wait, and only then. */
	sigemptyset(&ours);
	for (const int *number = (const int[]){ SIGCHLD, SIGTERM, SIGINT, 0 }; *number; number++) {
		sigaddset(&ours, *number);
		sigaction(*number, &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &ours, &usual);
	return serve(&front, &usual);
}
