using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Tests;

public class CrewTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_part_of_every_job_is_done_once(int threads)
    {
        int[] done = new int[64];
        using var crew = new Crew(threads, part => Interlocked.Increment(ref done[part]));
        var random = new Random(threads);
        for (int job = 0; job < 2000; job++)
        {
            int count = random.Next(1, done.Length + 1);
            Array.Clear(done);
            crew.Run(count);
            for (int part = 0; part < done.Length; part++)
                Assert.Equal(part < count ? 1 : 0, Volatile.Read(ref done[part]));
        }
    }

    [Fact]
    public void Those_who_have_gone_to_sleep_are_woken_by_the_next_job()
    {
        using var together = new CountdownEvent(3);
        using var crew = new Crew(3, _ =>
        {
            together.Signal();
            together.Wait(TimeSpan.FromSeconds(60));   // ends at once when three threads are here
        });
        for (int job = 0; job < 3; job++)
        {
            together.Reset();
            crew.Run(3);
            Assert.True(together.IsSet);
            long until = Environment.TickCount64 + 20;   // longer than anybody spins
            SpinWait.SpinUntil(() => Environment.TickCount64 >= until);
        }
    }
}
