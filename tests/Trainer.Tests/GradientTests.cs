using StreamRnn.Trainer.Fit;

namespace StreamRnn.Trainer.Tests;

public class GradientTests
{
    [Fact]
    public void The_norm_is_that_of_all_elements()
    {
        Assert.Equal(5, Gradient.Norm([3, 0, 0, 0, 0, 0, 0, 0, 0, 4]));
        Assert.Equal(0, Gradient.Norm([]));
        Assert.Equal(1e30 * Math.Sqrt(2), Gradient.Norm([1e30f, -1e30f]), 1e23);   // no overflow in the squares
    }

    [Fact]
    public void A_long_gradient_is_scaled_and_a_short_one_is_not()
    {
        float[] gradient = [3, 4];
        Assert.False(Gradient.ClipByNorm(gradient, 5, 6));
        Assert.Equal([3, 4], gradient);
        Assert.True(Gradient.ClipByNorm(gradient, 5, 1));
        Assert.Equal(1, Gradient.Norm(gradient), 1e-6);
        Assert.Equal(0.75, gradient[0] / gradient[1], 1e-6);
    }

    [Fact]
    public void Elements_are_cut_to_the_limit()
    {
        float[] gradient = [-3, 0.5f, 2];
        Assert.True(Gradient.ClipByValue(gradient, 1));
        Assert.Equal([-1, 0.5f, 1], gradient);
        Assert.False(Gradient.ClipByValue(gradient, 1));
    }
}
