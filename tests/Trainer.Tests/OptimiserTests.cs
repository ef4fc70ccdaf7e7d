using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

public class OptimiserTests
{
    // Ours is single precision: after 50 updates it is up to 1e-6 from the double reference.
    private const double Tolerance = 4e-6;

    public static TheoryData<OptimiserSettings> Settings() =>
    [
        new OptimiserSettings(OptimiserKind.Sgd),
        new OptimiserSettings(OptimiserKind.Sgd) { Momentum = 0.9, LearningRate = 0.02, WeightDecay = 0.1 },
        new OptimiserSettings(OptimiserKind.RmsProp) { LearningRate = 0.005 },
        new OptimiserSettings(OptimiserKind.RmsProp) { Momentum = 0.5, WeightDecay = 0.01 },
        new OptimiserSettings(OptimiserKind.Adam) { LearningRate = 0.01 },
        new OptimiserSettings(OptimiserKind.Adam) { WeightDecay = 0.1 },
        new OptimiserSettings(OptimiserKind.AdamW) { LearningRate = 0.01 },
    ];

    [Theory, MemberData(nameof(Settings))]
    public void Parameters_go_where_the_textbook_sends_them(OptimiserSettings settings)
    {
        const int Length = 37;   // whole vectors and a rest
        float[] parameters = [.. Enumerable.Range(0, Length).Select(i => MathF.Sin(i))];
        var reference = new Reference(settings, parameters);
        var optimiser = new Optimiser(settings, Length);
        for (int step = 1; step <= 50; step++)
        {
            float[] gradient = [.. Enumerable.Range(0, Length).Select(i => MathF.Cos(i * step) * (i % 5 == 0 ? 1e-3f : 1))];
            optimiser.Step(parameters, gradient, settings.LearningRate);
            reference.Step(gradient);
        }

        double worst = parameters.Zip(reference.Parameters, (ours, theirs) => Math.Abs(ours - theirs)).Max();
        Assert.True(worst <= Tolerance, $"{settings}: {worst:g3}");
    }

    [Fact]
    public void The_first_step_of_Adam_is_the_learning_rate_whatever_the_gradient()
    {
        float[] parameters = [1, 1, 1];
        new Optimiser(new(OptimiserKind.Adam), 3).Step(parameters, [1e-3f, -20, 0], 0.1);
        Assert.Equal([0.9, 1.1, 1], parameters.Select(p => Math.Round(p, 5)));
    }

    [Fact]
    public void A_restored_optimiser_goes_on_to_the_bit()
    {
        var settings = new OptimiserSettings(OptimiserKind.Adam);
        float[] gradient = [0.3f, -2, 7], straight = [1, 2, 3], resumed = [1, 2, 3];
        var one = new Optimiser(settings, 3);
        for (int i = 0; i < 20; i++)
            one.Step(straight, gradient, 0.01);

        var before = new Optimiser(settings, 3);
        for (int i = 0; i < 10; i++)
            before.Step(resumed, gradient, 0.01);
        var after = new Optimiser(settings, 3) { Steps = before.Steps };
        before.FirstMoment.CopyTo(after.FirstMoment);
        before.SecondMoment.CopyTo(after.SecondMoment);
        for (int i = 0; i < 10; i++)
            after.Step(resumed, gradient, 0.01);
        Assert.Equal(straight, resumed);
    }

    /// <summary>The formulas once more, in double and one element at a time (torch.optim, documentation of each).</summary>
    private sealed class Reference(OptimiserSettings settings, float[] start)
    {
        private readonly double[] _m = new double[start.Length], _v = new double[start.Length];
        private int _t;

        public double[] Parameters { get; } = Array.ConvertAll(start, p => (double)p);

        public void Step(float[] gradient)
        {
            _t++;
            double rate = settings.LearningRate;
            for (int i = 0; i < gradient.Length; i++)
            {
                ref double p = ref Parameters[i];
                double g = gradient[i];
                if (settings.Kind == OptimiserKind.AdamW)
                    p -= rate * settings.WeightDecay * p;
                else
                    g += settings.WeightDecay * p;
                switch (settings.Kind)
                {
                    case OptimiserKind.Sgd:
                        _m[i] = settings.Momentum * _m[i] + g;
                        p -= rate * _m[i];
                        break;
                    case OptimiserKind.RmsProp:
                        _v[i] = settings.Alpha * _v[i] + (1 - settings.Alpha) * g * g;
                        _m[i] = settings.Momentum * _m[i] + g / (Math.Sqrt(_v[i]) + settings.Epsilon);
                        p -= rate * _m[i];
                        break;
                    default:
                        _m[i] = settings.Beta1 * _m[i] + (1 - settings.Beta1) * g;
                        _v[i] = settings.Beta2 * _v[i] + (1 - settings.Beta2) * g * g;
                        double mean = _m[i] / (1 - Math.Pow(settings.Beta1, _t)), square = _v[i] / (1 - Math.Pow(settings.Beta2, _t));
                        p -= rate * mean / (Math.Sqrt(square) + settings.Epsilon);
                        break;
                }
            }
        }
    }
}
