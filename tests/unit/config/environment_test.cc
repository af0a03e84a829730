#include "proxy/config/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

std::string directory_of(std::string_view written, const Environment& environment) {
  const std::string text = "[server]\nstate_dir = '" + std::string(written) + "'\n";
  return model_of(completed(text), environment).server.state_dir;
}

TEST(Environment, ReplacesVariablesAnywhereInAText) {
  const Environment environment = environment_of({{"A", "/x"}, {"B_2", "y"}, {"EMPTY", ""}});

  EXPECT_EQ(directory_of("${A}/z/${B_2}", environment), "/x/z/y");
  EXPECT_EQ(directory_of("${EMPTY}/${B_2}${B_2}", environment), "/yy");
}

TEST(Environment, KeepsWhatIsNoVariable) {
  const Environment environment = environment_of({{"A", "a"}});

  EXPECT_EQ(directory_of("/$A/$$/$", environment), "/$A/$$/$");
  EXPECT_EQ(directory_of("/$${A}", environment), "/${A}");
  EXPECT_EQ(directory_of("/{A}", environment), "/{A}");
}

TEST(Environment, DoesNotSearchAValueAgain) {
  EXPECT_EQ(directory_of("/${A}", environment_of({{"A", "${B}"}, {"B", "b"}})), "/${B}");
}

TEST(Environment, ReachesListsAndTables) {
  const Model model =
      model_of(with_pool("backends = [{ address = \"${HOST}:80\" }, \"${HOST}:81\"]"),
               environment_of({{"HOST", "h"}}));

  EXPECT_THAT(model.pools.at("app").backends,
              ElementsAre(BackendModel{"h:80", 1}, BackendModel{"h:81", 1}));
}

TEST(Environment, GivesNumbersToo) {
  const Environment environment =
      environment_of({{"SLOTS", "8"}, {"BUDGET", "0.5"}, {"WORKERS", "3"}, {"BAD", "8x"}});
  const Model model = model_of(
      "server.workers = \"${WORKERS}\"\n" + with_pool("backends = [\"h:1\"]\nslots = \"${SLOTS}\"\n"
                                                      "retry.budget = \"${BUDGET}\""),
      environment);

  EXPECT_EQ(model.server.workers, 3U);
  EXPECT_EQ(model.pools.at("app").slots, 8U);
  EXPECT_EQ(model.pools.at("app").retry.budget, 0.5);
  EXPECT_THAT(
      problems_of(with_pool("backends = [\"h:1\"]\nslots = \"${BAD}\""), environment),
      ElementsAre(
          "3:9: pools.app.slots must be a whole number, not a text (write it without quotes)"));
}

TEST(Environment, TellsWhichVariableIsMissing) {
  EXPECT_THAT(problems_of(with_pool("backends = [\"h:80\", \"${HOST}g:80\"]")),
              ElementsAre("2:21: the environment variable HOST is not set"));
}

TEST(Environment, RefusesMalformedVariables) {
  const std::string expected =
      "2:13: \"${\" begins no variable such as \"${NAME}\" (write \"$${\" for a plain \"${\")";
  for (const std::string_view text : {"/${", "/${}", "/${A", "/${1A}", "/${A-b}", "/${A:-x}"}) {
    EXPECT_THAT(problems_of(completed("[server]\nstate_dir = '" + std::string(text) + "'\n")),
                ElementsAre(expected))
        << text;
  }
}

TEST(Environment, OfTheProcessIsItsOwn) {
  ASSERT_EQ(setenv("FLASKSCALE_CONFIG_TEST", "value", 1), 0);

  EXPECT_EQ(process_environment()("FLASKSCALE_CONFIG_TEST"), "value");
  EXPECT_EQ(process_environment()("FLASKSCALE_CONFIG_TEST_MISSING"), std::nullopt);
}

}  // namespace
}  // namespace flaskscale::config
