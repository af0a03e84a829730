// The other autoscalers' laws, against what is known of them.
#include <gtest/gtest.h>

#include "simulator/gce_law.h"
#include "simulator/hpa_law.h"
#include "simulator/knative_law.h"
#include "simulator/target_tracking_law.h"

namespace flaskscale::simulator {
namespace {

LawView view_at(double now, double in_flight, double waiting, uint32_t ready,
                uint32_t booting = 0) {
  LawView view;
  view.now = now;
  view.in_flight = in_flight;
  view.waiting = waiting;
  view.ready = ready;
  view.booting = booting;
  view.slots = 10;
  view.max = 100000;
  return view;
}

// The same view every second of [from, to]; the last answer.
uint32_t hold(ScalingLaw& law, double from, double to, double in_flight, double waiting,
              uint32_t ready) {
  uint32_t wanted = 0;
  for (double now = from; now <= to; now += 1) {
    wanted = law.wanted(view_at(now, in_flight, waiting, ready));
  }
  return wanted;
}

TEST(KnativeLaw, AsksForConcurrencyOverTheTarget) {
  EXPECT_EQ(KnativeLaw::asked(60 + 800, 10, 0.7), 123);
  EXPECT_EQ(KnativeLaw::asked(60 + 30000, 10, 0.7), 4295);
  EXPECT_EQ(KnativeLaw::asked(300 + 2000, 10, 0.7), 329);
  EXPECT_EQ(KnativeLaw::asked(60 + 75000, 10, 0.7), 10723);
}

TEST(KnativeLaw, ReadsAQueueAsConcurrency) {
  KnativeLaw law({});
  hold(law, 1, 100, 42, 0, 6);
  EXPECT_EQ(hold(law, 101, 161, 60, 800, 6), 123U);
}

TEST(KnativeLaw, OnlyGrowsInPanicAndLeavesItAfterAStableWindow) {
  KnativeLaw law({});
  EXPECT_EQ(hold(law, 1, 200, 42, 0, 6), 6U);
  EXPECT_EQ(hold(law, 201, 210, 200, 0, 6), 29U);  // 29 / 6 is above the panic threshold
  EXPECT_EQ(hold(law, 211, 250, 42, 0, 29), 29U);  // still in panic
  EXPECT_EQ(hold(law, 251, 340, 42, 0, 29), 14U);  // out of it: at most halved per decision
  EXPECT_EQ(hold(law, 341, 360, 42, 0, 10), 6U);
}

TEST(KnativeLaw, KeepsTheLargestWishOfItsDelay) {
  KnativeLaw::Settings settings;
  settings.scale_down_delay = 300;
  KnativeLaw law(settings);
  hold(law, 1, 200, 70, 0, 10);
  EXPECT_EQ(hold(law, 201, 480, 7, 0, 10), 10U);
  EXPECT_LE(hold(law, 481, 700, 7, 0, 10), 5U);
}

TEST(KnativeLaw, GoesToZeroAndComesBackAtOnce) {
  KnativeLaw law({});
  hold(law, 1, 100, 5, 0, 1);
  EXPECT_EQ(hold(law, 101, 180, 0, 0, 1), 1U);
  EXPECT_EQ(hold(law, 181, 200, 0, 0, 1), 0U);
  EXPECT_GE(law.wanted(view_at(201, 0, 3, 0)), 1U);
}

TEST(HpaLaw, KeepsWithinItsTolerance) {
  EXPECT_EQ(HpaLaw::asked_by_average(75, 7, 10), 10);
  EXPECT_EQ(HpaLaw::asked_by_average(80, 7, 10), 12);
  EXPECT_EQ(HpaLaw::asked_by_average(30000, 7, 10), 4286);
}

TEST(HpaLaw, CannotSeeMoreThanAllSlotsTakenPerPod) {
  EXPECT_EQ(HpaLaw::asked_per_pod(100, 10, 10, 7), 15);
  EXPECT_EQ(HpaLaw::asked_per_pod(100, 10, 15, 7), 15);  // those that boot count as idle
  EXPECT_EQ(HpaLaw::asked_per_pod(35, 10, 10, 7), 5);
}

TEST(HpaLaw, DoublesAtMostPerIntervalAndShrinksAfterFiveMinutes) {
  HpaLaw law({});
  hold(law, 1, 60, 70, 0, 10);
  EXPECT_EQ(law.wanted(view_at(61, 100, 5000, 10)), 20U);
  HpaLaw other({});
  EXPECT_EQ(hold(other, 1, 60, 70, 0, 10), 10U);
  EXPECT_EQ(hold(other, 61, 300, 7, 0, 10), 10U);
  EXPECT_EQ(hold(other, 301, 420, 7, 0, 10), 1U);
}

TEST(GceLaw, HoldsThePeakOfTenMinutes) {
  GceLaw law({});
  EXPECT_EQ(hold(law, 1, 120, 70, 0, 10), 10U);
  EXPECT_EQ(hold(law, 121, 200, 100, 4000, 10), 15U);  // the queue is not seen
  EXPECT_EQ(hold(law, 201, 780, 7, 0, 15), 15U);
  EXPECT_EQ(hold(law, 781, 900, 7, 0, 15), 1U);
}

TEST(TargetTrackingLaw, GrowsAfterThreeMinutesAndShrinksAfterFifteen) {
  TargetTrackingLaw law({});
  EXPECT_EQ(hold(law, 1, 119, 100, 0, 10), 10U);
  EXPECT_EQ(hold(law, 120, 200, 100, 0, 10), 15U);
  TargetTrackingLaw other({});
  EXPECT_EQ(hold(other, 1, 800, 20, 0, 10), 10U);
  EXPECT_EQ(hold(other, 801, 910, 20, 0, 10), 9U);
}

}  // namespace
}  // namespace flaskscale::simulator
