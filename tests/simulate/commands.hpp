// Every command of the table: each does one random thing to a world, in the product and in the twin.
#pragma once

#include <string>

namespace simulate {

class world;

void register_user(world&);
void join_node(world&);
void beat_node(world&);

void grant(world&);
void grant_too_much(world&);
void move_money(world&);
void linked_transfers(world&);
void repeat_request(world&);

void open_tab(world&);
void extend_tab(world&);
void capture_tab(world&);
void end_tab(world&);
void mature(world&);
void correct(world&);
/// The rest of it comes back; nothing when it is closed already.
void close_tab(world&, const std::string& id);

void submit(world&);
void claim(world&);
void deliver(world&);
void due(world&);
void lost(world&);
void deadline(world&);
void extend(world&);
void stalled(world&);
void cancel(world&);
void grace_over(world&);
void quarantine(world&);

void expire(world&);
void wake_children(world&);
void amend(world&);
void redrive(world&);
void wake_badly(world&);
void redrive_badly(world&);

void stale_actor(world&);
void close_badly(world&);
void move_badly(world&);
void hold_badly(world&);
void half_good(world&);

}  // namespace simulate
