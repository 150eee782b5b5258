"""The recursion through a flow that the components share: gradients of both updates against their definition."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import definition
from definition import UPDATES, Definition, algorithm, assert_same_gradients, recorded_gradients
from rme_tf import ELBO, Boosted, FreeBits, RecursiveMixture
from rme_tf.algorithms import SubsetELBO
from rme_tf.posteriors import IAF, Householder, Sylvester
from rme_tf.posteriors.made import MAX_LOG_SCALE, Made
from rme_tf.priors import Vamp

FAMILIES = {
    "householder": lambda: Householder(2, shared=True),
    "iaf": lambda: IAF(2, shared=True, units=(6,), context_size=3),
    "sylvester": lambda: Sylvester(2, shared=True),
}


class FlowDefinition(Definition):
    """The recursion of the Gaussians z_0 under the joint density of x and z_0, in float64.

        log p(x, z_0) = log p(x, f(z_0)) + log|det df/dz_0|

    No objective has a density of z: rewards and mixtures are those of the Gaussians. The flow is IAF, once more.
    """

    def __init__(self, model, rule, x, seed=(3, 4)):
        self.model, self.rule = model, rule
        self.x, self.marginal = tf.constant(x, tf.float64), tfp.distributions.Normal
        q = model.infer(tf.constant(x))
        z_0 = tf.cast(q.draw(rule.num_samples, tf.constant(seed)).base, tf.float64)
        self.noise = []
        for m in range(model.num_components):
            mean, scale = self.moments(m)
            self.noise.append((z_0[:, :, m] - mean) / scale)
        self.hold()

    def outputs(self, m):
        if not self.model.encoders:
            return self.model.trunk(self.features())[:, m]
        return self.model.encoders[m](self.features())

    def moments(self, m):
        return self._normal(self.outputs(m)[:, :4])

    def flow(self, z):
        """z [S, B, D] -> f(z) and log|det df/dz| [S, B]."""
        context, log_det = tf.cast(self.outputs(0)[:, 4:], tf.float64), 0.0
        for made in self.model.posterior_family.networks:
            kernels = [
                tf.cast(kernel.value * mask, tf.float64) for kernel, mask in zip(made.kernels, made.masks, strict=True)
            ]
            biases = [tf.cast(bias.value, tf.float64) for bias in made.biases]
            of_context = tf.matmul(context, tf.cast(made.context_kernel.value, tf.float64))
            hidden = tf.tanh(tf.einsum("sbd,dh->sbh", z, kernels[0]) + of_context + biases[0])
            shift, raw = tf.split(tf.einsum("sbh,hd->sbd", hidden, kernels[1]) + biases[1], 2, axis=-1)
            log_scale = MAX_LOG_SCALE * tf.tanh(raw / MAX_LOG_SCALE)
            z = (z - shift) / tf.exp(log_scale)
            log_det -= tf.reduce_sum(log_scale, axis=-1)
        return z, log_det

    def log_joint(self, z):
        """log p(x, z_0) of samples [S, B, D] or, stacked, [S, K, B, D]."""
        stacked = tf.unstack(z, axis=1) if len(z.shape) == 4 else [z]
        values = [super(FlowDefinition, self).log_joint(each) + log_det for each, log_det in map(self.flow, stacked)]
        return tf.stack(values, axis=1) if len(z.shape) == 4 else values[0]

    def stages(self):
        """As a trunk, what the components share ascends the sum: the flow's weights, and its params of encoder 0."""
        components = range(self.model.num_components)
        own = {id(v) for v in (self.model.encoders[0].trainable_variables if self.model.encoders else [])}
        for objective, variables in super().stages():
            if own and {id(v) for v in variables} == own:
                yield lambda: sum(self.component_objective(m) for m in components), variables
            else:
                yield objective, variables
        weights = self.model.posterior_family.trainable_variables
        yield lambda: sum(self.component_objective(m) for m in components), weights


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trunk", "mixing", "choices"),
    [
        (None, "learned", {"num_samples": 3}),
        ("shared", "learned", {"bound": "clamp"}),
        ("amortised", "uniform", {"decoder_weights": "uniform"}),
    ],
    ids=["encoders", "heads", "one network"],
)
def test_both_updates_have_the_gradients_of_the_definition(tiny_model, binary_data, trunk, mixing, choices):
    model, x = tiny_model(3, mixing=mixing, trunk=trunk, posterior=FAMILIES["iaf"]()), binary_data()
    records = {update: recorded_gradients(model, algorithm(update=update, **choices), x) for update in UPDATES}
    expected = definition.gradients_by_definition(FlowDefinition(model, algorithm(**choices), x))
    assert set(expected) == {variable.path for variable in model.trainable_variables}
    flow = {variable.path for variable in model.posterior_family.trainable_variables}
    assert min(np.abs(expected[path]).max() for path in flow) > 1e-3
    assert_same_gradients(records["joint"], expected, tolerance=5e-5)  # float32
    assert_same_gradients(records["sequential"], expected, tolerance=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize(
    "rule",
    [RecursiveMixture, lambda **choices: Boosted(entropy_weight=0.7, **choices)],
    ids=["recursive_mixture", "boosted"],
)
def test_updates_agree_for_every_transform(tiny_model, binary_data, name, rule):
    model, x = tiny_model(2, trunk="shared", posterior=FAMILIES[name](), mixing="learned"), binary_data()
    choices = {"warm_start_epochs": 0, "free_bits": FreeBits(nats=0.5, groups=1)}
    joint, sequential = (recorded_gradients(model, rule(update=update, **choices), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=2e-5)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("update", UPDATES)
def test_one_component_has_the_gradients_of_the_flow_alone(tiny_model, binary_data, name, update):
    """By the ELBO and a family that does not share, whose density is TFP's."""
    family = FAMILIES[name]()
    alone = type(family).from_config({**family.get_config(), "shared": False})
    models = [tiny_model(1, posterior=posterior) for posterior in (family, alone)]
    for variable, other in zip(*(model.trainable_variables for model in models), strict=True):
        other.assign(variable.value)
    x, results = binary_data(), []
    for model, rule in zip(models, (algorithm(update=update), ELBO()), strict=True):
        record = recorded_gradients(model, rule, x)
        results.append({f"{i}": record[variable.path] for i, variable in enumerate(model.trainable_variables)})
    assert_same_gradients(*results, tolerance=2e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("rule", ["subset", "elbo", "drawn elbo", "drawn", "joint", "sequential"])
def test_no_step_inverts_the_flow(tiny_model, binary_data, rule, monkeypatch):
    """Every algorithm, with free bits, moves all weights by draws and densities of forward passes."""
    rules = {
        "subset": SubsetELBO(subset_size=2, free_bits=FreeBits(nats=0.5, groups=1)),
        "elbo": ELBO(free_bits=FreeBits(nats=0.5, groups=1)),
        "drawn elbo": ELBO(components_per_step=1),
        "drawn": algorithm(components_per_step=1, free_bits=FreeBits(nats=0.5, groups=1)),
        **{update: algorithm(update=update, free_bits=FreeBits(nats=0.5, groups=1)) for update in UPDATES},
    }
    model = tiny_model(3, trunk="shared", posterior=FAMILIES["iaf"]())
    monkeypatch.setattr(IAF, "bijector", None)  # which alone has the inverse
    passes, of_made = [], Made.shift_and_log_scale
    monkeypatch.setattr(Made, "shift_and_log_scale", lambda *a, **k: (passes.append(0), of_made(*a, **k))[1])
    assert set(recorded_gradients(model, rules[rule], binary_data())) == {v.path for v in model.trainable_variables}
    assert rule == "sequential" or len(passes) == model.posterior_family.num_steps  # one pass for all


@pytest.mark.slow
@pytest.mark.parametrize("num_components", [1, 2])
def test_a_prior_made_of_the_posterior_holds_the_weights_of_the_flow(tiny_model, binary_data, num_components):
    """The loop has p fixed while q moves. Of one component, also if the flow is not shared."""
    family = IAF(2, units=(6,), context_size=3, shared=num_components > 1)
    model, x = tiny_model(num_components, posterior=family, prior=Vamp(2, num_components=3)), binary_data()
    joint, sequential = (recorded_gradients(model, algorithm(update=update), x) for update in UPDATES)
    assert_same_gradients(joint, sequential, tolerance=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_flow_with_weights_that_is_not_shared_is_refused(tiny_model):
    model = tiny_model(2, posterior=IAF(2, units=(6,), context_size=3))
    with pytest.raises(ValueError, match=r"a flow that the components share \(`shared=True`\).*2 of IAF"):
        model.compile("sgd", RecursiveMixture())
