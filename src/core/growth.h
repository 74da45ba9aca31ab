// How sure it is that an item grew: a test that is sound on small counts too.
#pragma once

namespace topk {

// The signed root of the likelihood-ratio statistic for two Poisson counts of equal exposure, given their sum: by how many
// standard deviations `now` is above `before` (negative: below). Large counts need little growth, small ones much: from 1 to
// 3 is 1.0, from 100 to 200 is 5.8. Both at least 0.
//
// Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31 (1940), for the
// condition; Dunning, "Accurate methods for the statistics of surprise and coincidence", Comput. Linguist. 19 (1993), for
// the statistic, which stays near its distribution where counts are small.
double growth_score(double now, double before);

} // namespace topk
