/** The worker in which models are used. */

import { serve } from "./serve.js";
import { jobs } from "./uses-jobs.js";

serve(jobs);
