/* Kinds of messages, and how requests end, as docs/protocol.md has them. */
#ifndef SA_MESSAGES_H
#define SA_MESSAGES_H

enum {
    SA_DATA = 0x01,
    SA_DESCRIPTION = 0x02,
    SA_REPLY = 0x03,
    SA_RESULT = 0x04,
    SA_DESCRIBE = 0x81,
    SA_START = 0x82,
    SA_STOP = 0x83,
    SA_OPERATIONS = 0x84,
    SA_WATCH = 0x85,
    SA_NET_RESTART = 0x86,
    SA_NET_WRITE = 0x87,
    SA_NET_RUN = 0x88,
    SA_NET_READ = 0x89,
    SA_NETLOAD = 0x8A
};

enum { SA_NETLOAD_ANSWER = 160 }; /* bytes of an answer to NET LOAD at most */

enum {
    SA_OK = 0,
    SA_MISMATCH = 1,
    SA_TIMEOUT = 2,
    SA_BUS = 3,
    SA_MALFORMED = 4,
    SA_UNKNOWN = 5,
    SA_TOO_LONG = 6
};

#endif
