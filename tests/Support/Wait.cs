using System.Diagnostics;

namespace StreamRnn.Support;

/// <summary>Waiting for what another thread or process does.</summary>
public static class Wait
{
    public static void Until(Func<bool> condition, string what, int seconds = 20) => Until(condition, () => what, seconds);

    public static void Until(Func<bool> condition, Func<string> what, int seconds = 20)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(seconds), $"not within {seconds} s: {what()}");
            Thread.Sleep(1);
        }
    }
}
