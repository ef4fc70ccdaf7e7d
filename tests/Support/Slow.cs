namespace StreamRnn.Support;

/// <summary>The trait of tests that <c>./test.sh --fast</c> leaves out: they start a process, a worker or a broker, or take seconds.</summary>
public static class Slow
{
    /// <summary>Fails the running test if it is not marked; called by what starts a process.</summary>
    public static void IsExpected()
    {
        ITestContext context = TestContext.Current;
        IReadOnlyDictionary<string, IReadOnlyCollection<string>>? traits = context.Test?.Traits ?? context.TestClass?.Traits;   // a fixture of a class has no test yet
        if (traits is not null)
            Assert.True(traits.TryGetValue("speed", out IReadOnlyCollection<string>? speeds) && speeds.Contains("slow"), "a test that starts a process is marked [Trait(\"speed\", \"slow\")]");
    }
}
