import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.xml.datatype.DatatypeFactory;
import org.activiti.engine.ManagementService;
import org.activiti.engine.ProcessEngine;
import org.activiti.engine.RuntimeService;
import org.activiti.engine.history.HistoricActivityInstance;
import org.activiti.engine.history.HistoricProcessInstance;
import org.activiti.engine.history.HistoricVariableInstance;
import org.activiti.engine.impl.EventSubscriptionQueryImpl;
import org.activiti.engine.impl.cfg.ProcessEngineConfigurationImpl;
import org.activiti.engine.impl.cfg.StandaloneInMemProcessEngineConfiguration;
import org.activiti.engine.impl.persistence.entity.EventSubscriptionEntity;
import org.activiti.engine.runtime.Execution;
import org.activiti.engine.runtime.Job;
import org.activiti.engine.runtime.ProcessInstance;
import org.activiti.engine.task.Task;

/**
 * Runs cases on Activiti 6 and writes down what it is in after each step. A case is a line
 * of JSON: id, files, steps, and with "random" how many more steps to choose by "seed". The
 * answer is a line as internal/engine's tests read it.
 */
public class Recorder {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ProcessEngineConfigurationImpl config;
  private final ProcessEngine engine;
  private String last;

  private Recorder(int number) {
    config = new StandaloneInMemProcessEngineConfiguration();
    config.setJdbcUrl("jdbc:h2:mem:r" + number + ";DB_CLOSE_DELAY=1000");
    config.setProcessEngineName("r" + number);
    config.setHistory("full");
    engine = config.buildProcessEngine();
    config.getClock().setCurrentTime(new Date(1767600000000L));
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    int number = 0;
    for (String line; (line = in.readLine()) != null; ) {
      JsonNode wanted = JSON.readTree(line);
      Recorder recorder = new Recorder(number++);
      try {
        ObjectNode recorded = recorder.record(wanted);
        if (recorded == null) {
          System.err.println(wanted.path("id").asText() + " fails on Activiti, left out");
        } else {
          out.println(JSON.writeValueAsString(recorded));
        }
      } finally {
        recorder.engine.close();
      }
    }
  }

  /** Returns null when Activiti itself fails, which says nothing to compare with. */
  private ObjectNode record(JsonNode wanted) throws Exception {
    ObjectNode recorded = JSON.createObjectNode().put("id", wanted.path("id").asText());
    ArrayNode files = recorded.putArray("files"), steps = recorded.putArray("steps"), states = recorded.putArray("activiti6");
    try {
      for (JsonNode file : wanted.path("files")) {
        Path path = Paths.get(file.asText());
        files.add(path.getFileName().toString());
        engine.getRepositoryService().createDeployment().disableSchemaValidation()
            .addBytes(path.getFileName().toString(), Files.readAllBytes(path)).deploy();
      }
      List<JsonNode> todo = new ArrayList<>();
      wanted.path("steps").forEach(todo::add);
      Random random = new Random(wanted.path("seed").asLong());
      int more = wanted.path("random").asInt();
      for (int i = 0; i < todo.size(); i++) {
        step(todo.get(i));
        steps.add(todo.get(i));
        states.add(state());
        if (i == todo.size() - 1 && more-- > 0) {
          ObjectNode next = choose(random);
          if (next != null) {
            todo.add(next);
          }
        }
      }
    } catch (RuntimeException e) {
      return null;
    }
    return recorded;
  }

  /** Chooses among what can be done now. */
  private ObjectNode choose(Random random) {
    List<ObjectNode> ways = new ArrayList<>();
    Set<String> seen = new TreeSet<>();
    for (Task task : open()) {
      if (seen.add("task " + task.getName())) {
        ObjectNode way = way("complete").put("task", task.getName());
        way.putObject("vars").put("v", random.nextInt(3));
        add(ways, way, 3);
      }
    }
    for (EventSubscriptionEntity s : subscriptions()) {
      if (!s.getEventType().equals("compensate") && seen.add(s.getEventType() + " " + s.getEventName())) {
        add(ways, way(s.getEventType()).put("name", s.getEventName()), 1);
      }
    }
    for (Execution x : engine.getRuntimeService().createExecutionQuery().processInstanceId(last).list()) {
      String activity = x.getActivityId();
      if (activity != null && activity.matches("r[0-9]+") && seen.add("receive " + activity)) {
        add(ways, way("trigger").put("activity", activity), 2);
      }
    }
    ManagementService management = engine.getManagementService();
    if (management.createTimerJobQuery().count() > 0) {
      add(ways, way("advance").put("by", random.nextBoolean() ? "PT1H" : "P1D"), 1);
    }
    if (management.createJobQuery().count() > 0) {
      add(ways, way("jobs"), 4);
    }
    return ways.isEmpty() ? null : ways.get(random.nextInt(ways.size()));
  }

  private static ObjectNode way(String what) {
    return JSON.createObjectNode().put("do", what);
  }

  private static void add(List<ObjectNode> ways, ObjectNode way, int weight) {
    for (int i = 0; i < weight; i++) {
      ways.add(way);
    }
  }

  private void step(JsonNode step) throws Exception {
    RuntimeService runtime = engine.getRuntimeService();
    Map<String, Object> vars = new HashMap<>();
    step.path("vars").fields().forEachRemaining(v -> vars.put(v.getKey(), value(v.getValue())));
    String name = step.path("name").asText();
    switch (step.path("do").asText()) {
      case "start":
        engine.getIdentityService().setAuthenticatedUserId(step.path("user").asText(null));
        last = runtime.startProcessInstanceByKey(step.path("key").asText(), step.path("businessKey").asText(null), vars).getId();
        break;
      case "complete":
        engine.getTaskService().complete(find(step.path("task").asText()).getId(), vars);
        break;
      case "signal":
        runtime.signalEventReceived(name, vars);
        break;
      case "message":
        Execution waiting = runtime.createExecutionQuery().messageEventSubscriptionName(name).list().get(0);
        runtime.messageEventReceived(name, waiting.getId(), vars);
        break;
      case "trigger":
        runtime.trigger(runtime.createExecutionQuery().processInstanceId(last).activityId(step.path("activity").asText()).list().get(0).getId());
        break;
      case "jobs":
        runJobs();
        break;
      case "advance":
        Date now = config.getClock().getCurrentTime();
        DatatypeFactory.newInstance().newDuration(step.path("by").asText()).addTo(now);
        config.getClock().setCurrentTime(now);
        runJobs();
        break;
      default:
        throw new IllegalArgumentException("unknown step " + step);
    }
  }

  private static Object value(JsonNode v) {
    if (v.isArray()) {
      List<Object> all = new ArrayList<>();
      v.forEach(x -> all.add(value(x)));
      return all;
    }
    return v.isNull() ? null : v.isBoolean() ? (Object) v.asBoolean() : v.isInt() ? (Object) v.asInt() : v.isNumber() ? (Object) v.asDouble() : v.asText();
  }

  private List<Task> open() {
    List<Task> all = new ArrayList<>(engine.getTaskService().createTaskQuery().list());
    all.sort(Comparator.comparingLong(t -> Long.parseLong(t.getId())));
    return all;
  }

  private Task find(String name) {
    return open().stream().filter(t -> name.equals(t.getName())).findFirst().get();
  }

  /** Runs what is due, one job after the other, and what becomes due by that. */
  private void runJobs() {
    ManagementService management = engine.getManagementService();
    for (int i = 0; i < 200; i++) {
      Date now = config.getClock().getCurrentTime();
      Job due = management.createTimerJobQuery().list().stream()
          .filter(j -> !j.getDuedate().after(now)).min(Comparator.comparing(Job::getDuedate)).orElse(null);
      if (due != null) {
        management.moveTimerToExecutableJob(due.getId());
      }
      List<Job> ready = management.createJobQuery().list();
      if (ready.isEmpty()) {
        return;
      }
      management.executeJob(ready.get(0).getId());
    }
    throw new IllegalStateException("the jobs do not end");
  }

  private List<EventSubscriptionEntity> subscriptions() {
    List<EventSubscriptionEntity> all = new ArrayList<>();
    config.getCommandExecutor().execute(context -> {
      for (EventSubscriptionEntity s : new EventSubscriptionQueryImpl(config.getCommandExecutor()).list()) {
        if (s.getExecutionId() != null) {
          all.add(s);
        }
      }
      return null;
    });
    all.sort(Comparator.comparing(s -> s.getEventType() + " " + s.getEventName()));
    return all;
  }

  private ObjectNode state() {
    List<String> tasks = new ArrayList<>(), assignees = new ArrayList<>(), active = new ArrayList<>();
    for (Task t : open()) {
      tasks.add(t.getName());
      if (t.getAssignee() != null) {
        assignees.add(t.getAssignee());
      }
    }
    RuntimeService runtime = engine.getRuntimeService();
    for (ProcessInstance p : runtime.createProcessInstanceQuery().list()) {
      active.addAll(runtime.getActiveActivityIds(p.getId()));
    }
    ObjectNode state = JSON.createObjectNode();
    sorted(state.putArray("tasks"), tasks);
    state.put("taskCount", tasks.size());
    sorted(state.putArray("assignees"), assignees);
    sorted(state.putArray("active"), active);
    long running = runtime.createProcessInstanceQuery().excludeSubprocesses(true).count();
    state.put("running", running).put("children", runtime.createProcessInstanceQuery().count() - running);
    state.put("timers", engine.getManagementService().createTimerJobQuery().count());
    state.put("jobs", engine.getManagementService().createJobQuery().count());
    state.put("subscriptions", subscriptions().size());
    HistoricProcessInstance instance = engine.getHistoryService().createHistoricProcessInstanceQuery().processInstanceId(last).singleResult();
    state.put("ended", instance.getEndTime() != null);
    List<HistoricVariableInstance> variables = new ArrayList<>(engine.getHistoryService().createHistoricVariableInstanceQuery().processInstanceId(last).list());
    variables.sort(Comparator.comparingLong(v -> Long.parseLong(v.getId())));
    ObjectNode vars = state.putObject("vars");
    for (HistoricVariableInstance v : variables) {
      boolean list = v.getValue() instanceof Collection; // compared as the text that is kept of it
      vars.set(v.getVariableName(), list ? JSON.valueToTree(JSON.valueToTree(v.getValue()).toString()) : JSON.valueToTree(v.getValue()));
    }
    TreeMap<String, Integer> finished = new TreeMap<>();
    for (HistoricActivityInstance a : engine.getHistoryService().createHistoricActivityInstanceQuery().processInstanceId(last).finished().list()) {
      finished.merge(a.getActivityId(), 1, Integer::sum);
    }
    ObjectNode counts = state.putObject("finishedActivities");
    finished.forEach(counts::put);
    if (instance.getDeleteReason() != null) {
      state.put("deleteReason", instance.getDeleteReason());
    }
    return state;
  }

  private static void sorted(ArrayNode to, List<String> names) {
    names.stream().sorted().forEach(to::add);
  }
}
