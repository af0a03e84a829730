// Certificates by name, and what can be wrong with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/config/acme_certificates.h"
#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A right file but for this value and these lines of [acme].
std::string with(std::string_view value, std::string_view acme = "agree_terms = true") {
  return "[[listeners.a.certificates]]\nacme = " + std::string(value) +
         "\n[listeners.a]\nlisten = [\"0.0.0.0:443\"]\n[acme]\n" + std::string(acme) +
         "\n[[routes]]\npool = \"app\"\n[pools.app]\nbackends = [\"10.0.0.1:80\"]\n";
}

TEST(AcmeConfig, ReadsOneNameOrSeveral) {
  const Model one = model_of(with("\"Shop.Example.com\""));
  EXPECT_THAT(acme_certificates(one), ElementsAre(ElementsAre("shop.example.com")));
  EXPECT_EQ(one.acme.directory, "https://acme-v02.api.letsencrypt.org/directory");
  const Model two = model_of(with("[\"a.example.com\", \"xn--bcher-kva.example\"]"));
  EXPECT_THAT(acme_certificates(two),
              ElementsAre(ElementsAre("a.example.com", "xn--bcher-kva.example")));
}

TEST(AcmeConfig, ReadsTheDirectory) {
  const Model model = model_of(
      with("\"a.example.com\"",
           "agree_terms = true\ndirectory = \"https://ca.internal/acme\"\nemail = \"o@e.com\"\n"
           "eab_key_id = \"k1\"\neab_key = \"c2VjcmV0\""));
  EXPECT_EQ(model.acme.directory, "https://ca.internal/acme");
  EXPECT_EQ(model.acme.email, "o@e.com");
  EXPECT_EQ(model.acme.eab_key, "secret");
}

TEST(AcmeProblems, TellsNamesThatNobodyCanValidate) {
  const auto problem = [](const char* value) { return problems_of(with(value)); };
  for (const auto& [value, said] : std::vector<std::pair<const char*, const char*>>{
           {"\"\"", "must not be empty"},
           {"[]", "must not be empty"},
           {"7", "must be"},
           {"\"*.example.com\"", "is a wildcard"},
           {"\"10.0.0.1\"", "is an IP address"},
           {"\"::1\"", "is an IP address"},
           {"\"localhost\"", "has no dot"},
           {"\"https://a.example.com/\"", "is not a domain name alone"},
           {"\"a.example.com:443\"", "is not a domain name alone"},
           {"\"b\u00fccher.example\"", "beyond ASCII"},
           {"\"a..example.com\"", "is no domain name"},
           {"\"a.example.com.\"", "is no domain name"},
           {"\"-a.example.com\"", "is no domain name"},
           {"\"a_b.example.com\"", "is no domain name"},
           {"\"../../etc\"", "is not a domain name alone"},
           {"\"a.example.12\"", "ends with a number"},
           {"[\"a.b\", \"A.b\"]", "is named twice"}}) {
    EXPECT_THAT(problem(value), Contains(HasSubstr(said))) << value;
  }
}

TEST(AcmeProblems, WantsTheTermsToBeAgreedTo) {
  EXPECT_THAT(problems_of(with("\"a.example.com\"", "")),
              ElementsAre(HasSubstr("5:1: acme.agree_terms must be true")));
}

TEST(AcmeProblems, TellsABadDirectoryAndContact) {
  const auto problems = problems_of(
      with("\"a.example.com\"",
           "agree_terms = true\ndirectory = \"http://ca.example.com/dir\"\n"
           "email = \"mailto:a@b\"\neab_key_id = \"k\"\nca = \"/nowhere.pem\"\nwhat = 1"));
  EXPECT_THAT(problems, Contains(HasSubstr("must begin with https://")));
  EXPECT_THAT(problems, Contains(HasSubstr("is no e-mail address")));
  EXPECT_THAT(problems, Contains(HasSubstr("only of use together")));
  EXPECT_THAT(problems, Contains(HasSubstr("/nowhere.pem")));
  EXPECT_THAT(problems, Contains(HasSubstr("unknown key \"what\" in [acme]")));
}

TEST(AcmeProblems, ADirectoryOnThisMachineMayBeWithoutTls) {
  EXPECT_THAT(problems_of(with("\"a.example.com\"",
                               "agree_terms = true\ndirectory = \"http://127.0.0.1:1/dir\"")),
              IsEmpty());
}

TEST(AcmeProblems, TellsFilesBesideAName) {
  const auto problems = problems_of(with("\"a.example.com\"\ncert = \"/etc/hostname\""));
  EXPECT_THAT(problems, Contains(HasSubstr("two ways to one certificate")));
}

TEST(AcmeProblems, TellsTwoSetsThatBeginAlike) {
  const auto problems =
      problems_of(with("\"a.example.com\"\n[[listeners.a.certificates]]\n"
                       "acme = [\"a.example.com\", \"b.example.com\"]"));
  EXPECT_THAT(problems, Contains(HasSubstr("begin with the name \"a.example.com\"")));
}

}  // namespace
}  // namespace flaskscale::config
