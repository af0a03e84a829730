// The page that shows a simulation: everything but its data.
#pragma once

#include <string_view>

namespace flaskscale::simulator {

// The data, a JSON object, stands between the two; see report_html.cc for its fields.
extern const std::string_view kReportPageStyle;   // the head's end and all of the body's elements
extern const std::string_view kReportPageScript;  // draws them from the object `data`

}  // namespace flaskscale::simulator
