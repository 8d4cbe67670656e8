using System.Reflection;
using EmbeddedMq.Diagnostics;
using Microsoft.Extensions.Logging;

namespace EmbeddedMq.Tests.Diagnostics;

public sealed class LogEventsTests
{
    [Fact]
    public void EventIds_OfAllLogMethods_AreDistinctAndDocumented()
    {
        int[] logged =
        [
            .. typeof(Log).GetMethods(BindingFlags.NonPublic | BindingFlags.Static)
                .Concat(typeof(BrokerLog).GetMethods(BindingFlags.NonPublic | BindingFlags.Static))
                .Select(static method => method.GetCustomAttribute<LoggerMessageAttribute>()?.EventId)
                .OfType<int>(),
        ];
        int[] documented =
        [
            .. typeof(LogEvents).GetFields(BindingFlags.NonPublic | BindingFlags.Static)
                .Select(static field => (int)field.GetRawConstantValue()!),
        ];

        Assert.Equal(logged.Length, logged.Distinct().Count());
        Assert.Equal(documented.Order(), logged.Order());
    }
}
