/* Starting a defined guest as a user means it: from its managed save image when there is one. */
#pragma once

#include "virtqemud/run/run.h"
#include "virtqemud/run/saveimage.h"

/* flags are of virDomainCreateFlags. Called with the job held; the domain is inactive. */
int boot_domain(Job *job, Domain *domain, unsigned flags, Error *err) _must_check_;

/* Start from an image with this definition (its ABI has been checked). running: 1, 0, -1 as the image says. */
int boot_from_image(Job *job, Domain *domain, SaveImage *image, const DomainDef *def, int running, Error *err) _must_check_;
