/*
 * Watching what others do to our networks: rules flushed or changed, a bridge removed, the firewall of the host reloaded.
 * What is gone and can be made again is made again at once. Begins with the first active network.
 */
#pragma once

#include "virtnetworkd/driver.h"

/* Begin, or go on with what has come since. What can't be watched is logged. */
void watch_begin(Driver *driver);
Watch *watch_free(Watch *watch); /* NULL is fine; returns NULL */
