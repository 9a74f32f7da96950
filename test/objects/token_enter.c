// `token_enter DIR COMMAND...`: runs a command as root of a user namespace of its own, with a bpffs at DIR that delegates everything to it. The tests compile it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// <linux/mount.h>, which an older machine does not have.
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_CMD_CREATE 6
#define MOVE_MOUNT_F_EMPTY_PATH 4

static void die(const char *what)
{
	perror(what);
	_exit(100);
}

static void put(const char *format, int pid, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, format, pid);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(rights), &fd, sizeof fd);
	if (sendmsg(socket, &message, 0) != 1)
		die("sendmsg");
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
	int fd;

	if (recvmsg(socket, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL)
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

// The file system is opened in the user namespace, which it then belongs to; only who has all rights outside may say what it delegates.
static void child(int socket, char **argv)
{
	int fs, mount;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
		die("unshare");
	fs = syscall(SYS_fsopen, "bpf", 0);
	if (fs < 0)
		die("fsopen");
	send_fd(socket, fs);
	mount = receive_fd(socket);
	if (syscall(SYS_move_mount, mount, "", AT_FDCWD, argv[1], MOVE_MOUNT_F_EMPTY_PATH))
		die("move_mount");
	execvp(argv[2], argv + 2);
	die(argv[2]);
}

int main(int argc, char **argv)
{
	static const char *const options[] = { "delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs" };
	int sockets[2], pid, fs, mount, status;

	if (argc < 3)
		return 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets))
		die("socketpair");
	pid = fork();
	if (pid == 0)
		child(sockets[1], argv);
	close(sockets[1]);
	fs = receive_fd(sockets[0]);
	put("/proc/%d/setgroups", pid, "deny");
	put("/proc/%d/uid_map", pid, "0 0 1");
	put("/proc/%d/gid_map", pid, "0 0 1");
	for (int i = 0; i < 4; i++)
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[i], "any", 0))
			die(options[i]);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		die("fsconfig");
	mount = syscall(SYS_fsmount, fs, 0, 0);
	if (mount < 0)
		die("fsmount");
	send_fd(sockets[0], mount);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}
