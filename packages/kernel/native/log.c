/*
 * The log: one JSON object a line, as Docker's json-file writes it, so that every reader of those works:
 *
 *   {"log":"text of the line\n","stream":"stdout","time":"2026-11-24T23:33:00.123456789Z"}
 *
 * A line longer than the buffer becomes several objects; only the last has the "\n". Bytes that are not
 * UTF-8 become U+FFFD: a log line is valid JSON whatever a container prints.
 */
#include "monitor.h"

#define FULL 6 /* most bytes of JSON that one byte of output becomes: \u0001 */

static void open_log(struct log *log)
{
	struct statx status;

	log->file = sys_openat(log->directory, "log.json", O_WRONLY | O_CREAT | O_APPEND, 0600);
	log->size = 0;
	if (log->file >= 0 && sys5(__NR_statx, log->file, "", AT_EMPTY_PATH, STATX_SIZE, &status) == 0)
		log->size = status.stx_size;
}

static void turn_over(struct log *log)
{
	sys_close(log->file);
	sys5(__NR_renameat2, log->directory, "log.json", log->directory, "log.json.1", 0);
	open_log(log);
}

/* Length of the UTF-8 sequence at `bytes`; 0 when it is none; -1 when `size` cuts it. @see RFC 3629, section 4 */
static int sequence(const u8 *bytes, size_t size)
{
	u8 first = bytes[0], low = 0x80, high = 0xbf;
	int length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
										   : first >= 0xf0 && first < 0xf5   ? 4
														     : 0;

	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	for (int i = 1; i < length; i++) {
		if ((size_t)i >= size)
			return -1;
		if (bytes[i] < low || bytes[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

static char *put(char *to, const char *text)
{
	while (*text != '\0')
		*to++ = *text++;
	return to;
}

static char *escape(char *to, const u8 *bytes, size_t size)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t at = 0; at < size;) {
		u8 byte = bytes[at];
		int length = sequence(bytes + at, size - at);

		if (length <= 0) {
			to = put(to, "\\ufffd");
			at++;
			continue;
		}
		at += (size_t)length;
		if (byte == '"' || byte == '\\') {
			*to++ = '\\';
			*to++ = (char)byte;
		} else if (byte == '\n' || byte == '\r' || byte == '\t') {
			*to++ = '\\';
			*to++ = byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't';
		} else if (byte < 0x20 || byte == 0x7f) {
			to = put(to, "\\u00");
			*to++ = hex[byte >> 4];
			*to++ = hex[byte & 15];
		} else {
			for (int i = 0; i < length; i++)
				*to++ = (char)bytes[at - (size_t)length + (size_t)i];
		}
	}
	return to;
}

static void write_line(struct log *log, const struct line *line, size_t size)
{
	static char text[LINE_ROOM * FULL + 128];
	char *at = put(text, "{\"log\":\"");
	char time[31];

	if (log->limit == 0 || size == 0)
		return;
	if (log->file < 0)
		open_log(log);
	time_text(time);
	at = escape(at, line->bytes, size);
	at = put(put(put(put(put(at, "\",\"stream\":\""), line->stream), "\",\"time\":\""), time), "\"}\n");
	if (log->size > 0 && log->size + (u64)(at - text) > log->limit)
		turn_over(log);
	if (write_all(log->file, text, (size_t)(at - text)) == 0) /* a full disk must not end the container */
		log->size += (u64)(at - text);
}

/* How much of a full buffer can be written without cutting a character. */
static size_t whole_characters(const struct line *line)
{
	for (size_t back = 1; back <= 3 && back < line->used; back++) {
		size_t at = line->used - back;

		if (line->bytes[at] >= 0xc0)
			return sequence(line->bytes + at, back) < 0 ? at : line->used;
	}
	return line->used;
}

void log_output(struct log *log, struct line *line, const u8 *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		line->bytes[line->used++] = data[i];
		if (data[i] == '\n') {
			write_line(log, line, line->used);
			line->used = 0;
		} else if (line->used == LINE_ROOM) {
			size_t whole = whole_characters(line), rest = line->used - whole;

			write_line(log, line, whole);
			for (size_t j = 0; j < rest; j++)
				line->bytes[j] = line->bytes[whole + j];
			line->used = rest;
		}
	}
}

void log_end(struct log *log, struct line *line)
{
	write_line(log, line, line->used);
	line->used = 0;
}
