# Providers and their node keys: rotated without a node leaving, revoked and out within seconds; and what owners may set.
import time
import unittest

from house import Client, House, noop, until
from stream import Stream


class node_keys_and_providers(House):
    flags = ("--slots", "0")

    def setUp(self):
        self.owner = self.new_user()
        made = self.owner.post("/api/v1/providers", {"name": "racks", "location": "eu", "gpus": [{"model_name": "h100"}]})
        self.assertEqual(made.status, 201, made)
        self.provider = made.json()["id"]
        self.keys = f"/api/v1/providers/{self.provider}/keys"
        self.stream = Stream(self.server.dev["base_url"], self.user.key)
        self.addCleanup(self.stream.close)

    def make_key(self, **body):
        made = self.owner.post(self.keys, body)
        self.assertEqual(made.status, 201, made)
        return made.json()

    def node(self, name, key):
        node = self.start_node(name, "--slots", "2", key=key)
        node.node_id = node.wait_log("joined")["node_id"]
        self.addCleanup(node.kill)
        return node

    def state(self, node, who=None):
        answer = (who or self.owner).get(f"/api/v1/nodes/{node.node_id}")
        return answer.json()["state"] if answer.status == 200 else answer.status

    def test_a_key_is_shown_once_and_lets_its_owners_nodes_in(self):
        made = self.make_key(name="rack 1", expires_in_hours=5)
        self.assertTrue(made["key"].startswith("nk_"))
        listed = self.owner.get(self.keys)
        self.assertNotIn(made["key"], listed.body.decode())
        self.assertEqual([x["key_id"] for x in listed.json()["keys"]], [made["key_id"]])
        node = self.node("mine", made["key"])
        self.assertEqual(self.state(node), "idle")
        shown = self.owner.get("/api/v1/nodes").json()
        self.assertEqual([x["id"] for x in shown["nodes"]], [node.node_id])
        self.assertEqual(shown["nodes"][0]["trust_score"], 0.3)
        self.assertEqual(self.state(node, self.user), 404)
        self.assertEqual(self.state(node, self.admin), "idle")
        self.assertEqual(self.owner.get("/api/v1/auth/profile").json()["role"], "provider")

    def test_a_rotated_key_is_good_until_the_overlap_is_over_and_a_revoked_one_is_out_within_seconds(self):
        old = self.make_key(name="rack")
        node = self.node("rotated", old["key"])
        new = self.owner.post(f"{self.keys}/{old['key_id']}/rotate", {"overlap_hours": 1})
        self.assertEqual(new.status, 201, new)
        self.assertEqual(new.json()["replaces"], old["key_id"])
        second = self.node("second", new.json()["key"])
        job = self.user.submit(noop(60_000, region=""))
        self.assertEqual({self.state(node), self.state(second)} - {"idle", "busy"}, set())
        heard = len(node.lines)
        revoked = self.owner.ask("DELETE", f"{self.keys}/{old['key_id']}")
        self.assertEqual((revoked.status, revoked.json()["status"]), (200, "revoked"))
        asked = time.monotonic()
        node.wait_log("not joined", 6, heard)
        until(lambda: self.state(node) == "offline", "it is out", 6)
        print(f"\nout {time.monotonic() - asked:.1f} s after the revocation", flush=True)
        self.assertIn("has ended", node.wait_log("not joined", 10, heard, why="the node key has ended")["why"])
        self.assertIn(self.state(second), ("idle", "busy"))
        self.user.cancel(job)
        self.stream.wait_end(job, 30)
        self.assertEqual(self.owner.ask("DELETE", f"{self.keys}/{old['key_id']}").status, 200)
        self.assertEqual(self.owner.post(f"{self.keys}/{old['key_id']}/rotate", {}).status, 409)
        self.assert_books()

    def test_keys_and_nodes_of_others_are_not_there(self):
        made = self.make_key()
        stranger = self.new_user()
        for verb, path, body in (("GET", self.keys, None), ("POST", self.keys, {}),
                                 ("POST", f"{self.keys}/{made['key_id']}/rotate", {}),
                                 ("DELETE", f"{self.keys}/{made['key_id']}", None),
                                 ("GET", f"/api/v1/providers/{self.provider}", None),
                                 ("PUT", f"/api/v1/providers/{self.provider}", {"name": "mine now"}),
                                 ("DELETE", f"/api/v1/providers/{self.provider}", None)):
            self.assertEqual(stranger.ask(verb, path, body).status, 404, (verb, path))
        node = self.node("guarded", made["key"])
        for verb, path, body in (("PUT", f"/api/v1/nodes/{node.node_id}", {"maintenance": True}),
                                 ("DELETE", f"/api/v1/nodes/{node.node_id}", None),
                                 ("POST", f"/v1/fog/admin/nodes/{node.node_id}/heartbeat", {})):
            self.assertEqual(stranger.ask(verb, path, body).status, 404, (verb, path))
        self.assertEqual(stranger.post(f"/api/v1/nodes/{node.node_id}/reinstate", {}).status, 403)
        self.assertEqual(stranger.ask("PUT", f"/api/admin/nodes/{node.node_id}/trust", {"has_tpm": True}).status, 403)

    def test_bad_wishes_get_one_error_and_change_nothing(self):
        before = self.owner.get(self.keys).body
        for body in ({"name": 7}, {"expires_in_hours": 0}, {"expires_in_hours": "x"}, {"name": "x" * 5000}, {"else": 1}):
            answer = self.owner.post(self.keys, body)
            self.assertEqual(answer.status, 400, (body, answer))
        made = self.make_key()
        self.assertEqual(self.owner.post(f"{self.keys}/{made['key_id']}/rotate", {"overlap_hours": -1}).status, 400)
        self.assertEqual(self.owner.post(f"{self.keys}/nkey_none/rotate", {}).status, 404)
        self.assertEqual(self.owner.post("/api/v1/providers", {"name": "again"}).status, 409)
        self.assertEqual(self.owner.post("/api/v1/providers", {}).status, 400)
        node = self.node("bounds", made["key"])
        for body in ({}, {"price_per_hour": 1}, {"price_per_hour": "-1"}, {"labels": {"a": "b,c"}}, {"maintenance": "yes"},
                     {"trust_score": 1}):
            self.assertEqual(self.owner.ask("PUT", f"/api/v1/nodes/{node.node_id}", body).status, 400, body)
        self.assertEqual(self.owner.ask("DELETE", f"/api/v1/nodes/{node.node_id}").status, 409)
        self.assertNotEqual(before, b"")

    def test_maintenance_and_price_hold_at_once_and_after_the_node_joined_again(self):
        node = self.node("priced", self.make_key()["key"])
        path = f"/api/v1/nodes/{node.node_id}"
        changed = self.owner.ask("PUT", path, {"price_per_hour": "0.125", "labels": {"disk": self.provider}, "maintenance": True})
        self.assertEqual((changed.status, changed.json()["state"]), (200, "maintenance"), changed)
        job = self.user.submit({**noop(1), "labels": {"disk": self.provider}})
        node.kill()
        until(lambda: self.state(node) == "offline", "it is away", 15)
        node = self.node("priced", self.make_key()["key"])
        self.assertEqual(self.state(node), "maintenance")
        self.assertEqual(self.owner.get(path).json()["price_per_hour"], "0.125")
        self.assertEqual(self.user.job(job)["status"], "queued")
        self.assertEqual(self.owner.ask("PUT", path, {"maintenance": False}).status, 200)
        done = self.stream.wait_end(job, 10)
        self.assertEqual((done["type"], done["data"]["provider_id"]), ("completed", node.node_id))
        node.kill()
        until(lambda: self.owner.ask("DELETE", path).status == 200, "it is removed", 15)
        self.assertEqual(self.owner.get(path).status, 404)
        self.assert_books()

    def test_trust_is_what_an_admin_vouches_for_and_providers_end_with_their_keys(self):
        node = self.node("trusted", self.make_key()["key"])
        path = f"/api/admin/nodes/{node.node_id}/trust"
        self.assertEqual(self.owner.ask("PUT", path, {"attestation_type": "tee"}).status, 403)
        self.assertEqual(self.admin.ask("PUT", path, {"attestation_type": "sgx"}).status, 400)
        got = self.admin.ask("PUT", path, {"attestation_type": "tpm", "has_tpm": True, "secure_boot": True})
        self.assertEqual((got.status, got.json()["trust_score"]), (200, 0.85), got)
        job = self.user.submit({**noop(1), "min_trust": 0.8})
        self.assertEqual(self.stream.wait_end(job, 10)["data"]["provider_id"], node.node_id)
        heard = len(node.lines)
        self.assertEqual(self.owner.ask("DELETE", f"/api/v1/providers/{self.provider}").status, 200)
        node.wait_log("not joined", 6, heard)
        self.assertEqual(self.owner.get("/api/v1/auth/profile").json()["role"], "user")

    def test_fog_names_answer_from_the_same_rows(self):
        body = {"node_name": "fog-1", "operator_namespace": "org/team", "endpoint": "https://x", "public_key": "k"}
        made = self.owner.post("/v1/fog/admin/nodes", body)
        self.assertEqual(made.status, 201, made)
        node = self.node("fog-1", made.json()["key"])
        self.assertEqual(made.json()["node_id"], node.node_id)
        self.assertEqual(self.owner.post(f"/v1/fog/admin/nodes/{node.node_id}/heartbeat", {"cpu_utilization": 1}).json()["message"],
                         "Heartbeat processed")
        self.assertEqual(self.owner.get("/v1/fog/admin/status").json()["states"]["idle"], 1)
        self.assertEqual(self.owner.get("/v1/fog/admin/capacity").json()["active_nodes"], 1)
        listed = self.user.get("/v1/fog/nodes").json()["data"]
        self.assertIn(node.node_id, [x["node_id"] for x in listed["nodes"]])
        self.assertEqual(Client(self.server.dev["base_url"]).get("/v1/fog/nodes").status, 401)


if __name__ == "__main__":
    unittest.main()
