/*
 * tables/messages.h - every message of protocol 3 after the startup phase
 * (PostgreSQL manual, "Message Formats"): its byte, its name, and the least and
 * most its length field may say.  A `most` of 0 is bounded by max_packet_size only.
 *
 * A byte that has no row is refused.
 */
#ifdef FRONTEND
FRONTEND('B', BIND, .least = 4 + 1 + 1 + 2 + 2 + 2, .most = 0)
FRONTEND('C', CLOSE, .least = 4 + 1 + 1, .most = 0)
FRONTEND('D', DESCRIBE, .least = 4 + 1 + 1, .most = 0)
FRONTEND('E', EXECUTE, .least = 4 + 1 + 4, .most = 0)
FRONTEND('F', FUNCTION_CALL, .least = 4 + 4 + 2 + 2 + 2, .most = 0)
FRONTEND('H', FLUSH, .least = 4, .most = 4)
FRONTEND('P', PARSE, .least = 4 + 1 + 1 + 2, .most = 0)
FRONTEND('Q', QUERY, .least = 4 + 1, .most = 0)
FRONTEND('S', SYNC, .least = 4, .most = 4)
FRONTEND('X', TERMINATE, .least = 4, .most = 4)
FRONTEND('c', COPY_DONE, .least = 4, .most = 4)
FRONTEND('d', COPY_DATA, .least = 4, .most = 0)
FRONTEND('f', COPY_FAIL, .least = 4 + 1, .most = 0)
FRONTEND('p', PASSWORD, .least = 4, .most = 65536)
#endif

#ifdef BACKEND
BACKEND('1', PARSE_COMPLETE, .least = 4, .most = 4)
BACKEND('2', BIND_COMPLETE, .least = 4, .most = 4)
BACKEND('3', CLOSE_COMPLETE, .least = 4, .most = 4)
BACKEND('A', NOTIFICATION, .least = 4 + 4 + 1 + 1, .most = 65536)
BACKEND('C', COMMAND_COMPLETE, .least = 4 + 1, .most = 4096)
BACKEND('D', DATA_ROW, .least = 4 + 2, .most = 0)
BACKEND('E', ERROR, .least = 4 + 1, .most = 0)
BACKEND('G', COPY_IN, .least = 4 + 1 + 2, .most = 0)
BACKEND('H', COPY_OUT, .least = 4 + 1 + 2, .most = 0)
BACKEND('I', EMPTY_QUERY, .least = 4, .most = 4)
BACKEND('K', BACKEND_KEY, .least = 4 + 4 + 4, .most = 4 + 4 + 256)
BACKEND('N', NOTICE, .least = 4 + 1, .most = 0)
BACKEND('R', AUTHENTICATION, .least = 4 + 4, .most = 65536)
BACKEND('S', PARAMETER_STATUS, .least = 4 + 1 + 1, .most = 65536)
BACKEND('T', ROW_DESCRIPTION, .least = 4 + 2, .most = 0)
BACKEND('V', FUNCTION_RESULT, .least = 4 + 4, .most = 0)
BACKEND('W', COPY_BOTH, .least = 4 + 1 + 2, .most = 0)
BACKEND('Z', READY, .least = 4 + 1, .most = 4 + 1)
BACKEND('c', COPY_DONE_OUT, .least = 4, .most = 4)
BACKEND('d', COPY_DATA_OUT, .least = 4, .most = 0)
BACKEND('n', NO_DATA, .least = 4, .most = 4)
BACKEND('s', PORTAL_SUSPENDED, .least = 4, .most = 4)
BACKEND('t', PARAMETER_DESCRIPTION, .least = 4 + 2, .most = 0)
BACKEND('v', NEGOTIATE_VERSION, .least = 4 + 4 + 4, .most = 65536)
#endif
