// A test of how sure it is that an item grew, which is sound for small counts too.
#pragma once

namespace topk {

// Returns the number of standard deviations by which `now` is above `before` (negative if it is below); both must be at
// least 0. It is the signed root of the likelihood-ratio statistic for two Poisson counts, given their sum. `exposure` is
// that of now divided by that of before: with the ratio of all traffic, the score is that of the share of the traffic. Large
// counts need little growth and small ones much: growth from 1 to 3 scores 1.0, from 100 to 200 it scores 5.8.
//
// The condition on the sum is from Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson
// series", Biometrika 31 (1940); the statistic is from Dunning, "Accurate methods for the statistics of surprise and
// coincidence", Comput. Linguist. 19 (1993): it stays near its distribution if counts are small.
double growth_score(double now, double before, double exposure = 1);

} // namespace topk
