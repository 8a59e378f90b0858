/** The worker in which other people's models are imported. */

import { jobs } from "./import-jobs.js";
import { serve } from "./serve.js";

serve(jobs);
