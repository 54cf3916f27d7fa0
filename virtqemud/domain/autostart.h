/* Guests that start with the host: once per boot of the machine, told by a marker in the runtime directory. */
#pragma once

typedef struct Driver Driver;

/* Called when the daemon is ready: takes hold of running guests and starts what is to start. */
void autostart_run(Driver *driver);
