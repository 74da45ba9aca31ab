#pragma once

#define TOPK_GATEWAY_VERSION "1.0.0"
