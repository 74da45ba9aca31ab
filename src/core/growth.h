// A test whether an item grew, which is sound on small counts too.
#pragma once

namespace topk {

// The signed root of the likelihood-ratio statistic for two Poisson counts of equal exposure, given their sum: by how many
// standard deviations `now` is above `before`, or below if negative. Small counts need much growth for a high score: from 1
// to 3 the score is 1.0, from 100 to 200 it is 5.8. Neither count may be negative.
//
// Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31 (1940), for the
// condition; Dunning, "Accurate methods for the statistics of surprise and coincidence", Comput. Linguist. 19 (1993), for
// the statistic, which stays near its distribution where counts are small.
double growth_score(double now, double before);

} // namespace topk
