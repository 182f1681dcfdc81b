#include "monitor.h"

#include <linux/time.h>

static char *digits(char *to, u64 number, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		to[i] = (char)('0' + number % 10);
		number /= 10;
	}
	return to + width;
}

/*
 * Days since 1970-01-01 to year, month and day of the Gregorian calendar. Years are counted from March,
 * so that the leap day is the last of the year; an era is the 400 years after which the calendar repeats.
 */
static void civil(u64 days, u64 *year, u64 *month, u64 *day)
{
	u64 since = days + 719468; /* days since 0000-03-01 */
	u64 era = since / 146097, of_era = since % 146097;
	u64 year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	u64 of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	u64 from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

void time_text(char text[31])
{
	struct __kernel_timespec time = {0, 0};
	u64 year, month, day, second;
	char *at = text;

	sys2(__NR_clock_gettime, CLOCK_REALTIME, &time);
	civil((u64)time.tv_sec / 86400, &year, &month, &day);
	second = (u64)time.tv_sec % 86400;
	at = digits(at, year, 4);
	*at++ = '-';
	at = digits(at, month, 2);
	*at++ = '-';
	at = digits(at, day, 2);
	*at++ = 'T';
	at = digits(at, second / 3600, 2);
	*at++ = ':';
	at = digits(at, second / 60 % 60, 2);
	*at++ = ':';
	at = digits(at, second % 60, 2);
	*at++ = '.';
	at = digits(at, (u64)time.tv_nsec, 9);
	*at++ = 'Z';
	*at = '\0';
}
