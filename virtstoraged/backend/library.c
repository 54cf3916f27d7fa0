#include "virtstoraged/backend/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* workers only; whoever waits needs the library too */

static int
load(Library *library, Error *err)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "this pool needs the library '%s', of the package %s: %s", library->file,
                          library->package, dlerror());
    for (size_t i = 0; i < library->n; i++) {
        void *symbol = dlsym(handle, library->symbols[i].name);

        if (!symbol) {
            dlclose(handle);
            return error_setf(err, FROM_STORAGE, ERR_NO_SUPPORT, "the library '%s' has no %s: a newer %s is needed", library->file,
                              library->symbols[i].name, library->package);
        }
        memcpy(library->symbols[i].place, &symbol, sizeof(symbol));
    }
    library->handle = handle;
    return 0;
}

int
library_load(Library *library, Error *err)
{
    int r;

    pthread_mutex_lock(&lock);
    r = library->handle ? 0 : load(library, err);
    pthread_mutex_unlock(&lock);
    return r;
}
