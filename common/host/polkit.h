/* The system's authority on who may do what, asked over the system bus. */
#pragma once

#include "common/base/error.h"
#include "common/base/job.h"
#include "common/rpc/client.h"

/*
 * May this process do the action? 0 yes; -1 with an error of FROM_POLKIT: ERR_AUTH_FAILED denied, or nobody to ask,
 * ERR_AUTH_UNAVAILABLE it would take a password but there is no agent to ask for it, ERR_AUTH_CANCELLED the user
 * dismissed the question. Suspends, for as long as a person takes. Fits RpcHooks.polkit.
 */
int polkit_authorize(Job *job, const RpcIdentity *who, const char *action, Error *err) _must_check_;
